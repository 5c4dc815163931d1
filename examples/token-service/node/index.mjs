// A token service for Amazon IVS Chat: `POST /tokens` with `{"room": ROOM_ARN}` gives a chat token to who may have one.
//
// A Lambda behind an HTTP API of Amazon API Gateway, whose JWT authorizer has checked who calls. Its environment:
// - DENYLIST: where the bans are: `dynamodb://REGION/TABLE` or `s3://BUCKET/KEY`.
// - TOKEN_RECORDS: `dynamodb://REGION/TABLE`, where it is noted who got a token for which room.
// - ROOM_ARNS: the rooms that tokens are made for, separated by commas.

import { CreateChatTokenCommand, IvschatClient } from '@aws-sdk/client-ivschat';
import { Banned, DenylistUnavailable, Gate } from './gate.mjs'; // examples/gate.mjs, copied beside this file

const CAPABILITIES = ['SEND_MESSAGE']; // who may delete messages or disconnect others is another service's business
const SESSION_MINUTES = 60; // as long as people stay, at most 180: whoever stays longer gets a new token without noticing

const rooms = new Set(process.env.ROOM_ARNS.split(','));
const gate = new Gate(process.env.DENYLIST, { tokenRecords: process.env.TOKEN_RECORDS });
// The region of a room is in its ARN. A Lambda lasts, so the clients do.
const regionOf = (room) => room.split(':')[3];
const chat = new Map(
  [...rooms].map(regionOf).map((region) => [
    region,
    new IvschatClient({ region, maxAttempts: 2, requestHandler: { connectionTimeout: 2000 } }),
  ]),
);

/** A token, or why there is none. */
export async function handler(event) {
  // Who calls is what the authorizer says, never what the body says.
  const userId = event.requestContext.authorizer?.jwt?.claims?.sub;
  if (typeof userId !== 'string' || userId === '' || [...userId].length > 128) {
    return answer(401, { error: 'Sign in first.' });
  }
  const room = wantedRoom(event);
  if (!rooms.has(room)) return answer(404, { error: 'There is no such room.' });
  try {
    const verdict = await gate.check(userId, room); // cheap: most banned users cost no call of CreateChatToken
    if (verdict.banned) throw new Banned(verdict.until);
    const { token, sessionExpirationTime, tokenExpirationTime } = await chat.get(regionOf(room)).send(
      new CreateChatTokenCommand({
        roomIdentifier: room,
        userId,
        capabilities: CAPABILITIES,
        sessionDurationInMinutes: SESSION_MINUTES,
      }),
      { abortSignal: AbortSignal.timeout(5000) },
    );
    await gate.admit(userId, room); // after the token was made: a ban that comes now finds it noted, or is found here
    return answer(200, { token, sessionExpirationTime, tokenExpirationTime });
  } catch (error) {
    if (error instanceof Banned) {
      return answer(403, { error: 'You are banned from this chat.', until: error.until });
    }
    if (error instanceof DenylistUnavailable) {
      // Refuse: without a token nobody is harmed for long, as clients try again; with one, a banned user is back for up
      // to SESSION_MINUTES. Whoever is in the room already stays.
      console.error(`No token, because the denylist is unavailable: ${error.message}`);
      return answer(503, { error: 'The chat cannot be joined just now. Try again.' }, { 'retry-after': '5' });
    }
    if (error.name === 'ThrottlingException') {
      return answer(503, { error: 'Too many people are joining just now. Try again.' }, { 'retry-after': '1' });
    }
    throw error;
  }
}

/** The room that the body asks for; empty if it asks for none. */
function wantedRoom({ body, isBase64Encoded }) {
  try {
    const room = JSON.parse(isBase64Encoded ? Buffer.from(body, 'base64').toString() : body)?.room;
    return typeof room === 'string' ? room : '';
  } catch {
    return '';
  }
}

/** An answer for API Gateway. Tokens are not to be kept on the way. */
function answer(statusCode, body, headers = {}) {
  return {
    statusCode,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
    body: JSON.stringify(body),
  };
}
