// A message review handler for Amazon IVS Chat: what banned users write does not reach the room.
//
// A Lambda that a room names as its message review handler. A room has one, so a handler that it has already is wrapped:
//
//     export const handler = withoutBannedUsers(myHandler);
//
// Its environment: DENYLIST, where the bans are: `dynamodb://REGION/TABLE` or `s3://BUCKET/KEY`.

import { DenylistUnavailable, Gate } from './gate.mjs'; // examples/gate.mjs, copied beside this file

// The service waits for 0.2 s, and takes an answer that comes later for `fallbackResult`.
const gate = new Gate(process.env.DENYLIST, { timeout: 0.15 });

// What happens to a message while the denylist cannot be read. Let it through: this is the last of three lines, after
// the token service, which lets nobody in now, and DisconnectUser. To deny would silence everybody. Where silence does
// less harm than one banned voice, write DENY here, and set the room's `fallbackResult` to DENY too.
const WHEN_UNAVAILABLE = 'ALLOW';

/** A handler that denies what banned users write, and leaves the rest to `review`. */
export const withoutBannedUsers = (review) => async (event, context) => {
  let denied;
  let Reason = 'You are banned from this chat.';
  try {
    denied = (await gate.check(event.Sender.UserId, event.RoomArn)).banned;
  } catch (error) {
    if (!(error instanceof DenylistUnavailable)) throw error;
    console.error(`${WHEN_UNAVAILABLE}, because the denylist is unavailable: ${error.message}`);
    denied = WHEN_UNAVAILABLE === 'DENY';
    Reason = 'Messages cannot be reviewed just now.';
  }
  // The sender is told the reason; the room hears nothing.
  if (denied) return { ReviewResult: 'DENY', Content: event.Content, Attributes: { Reason } };
  return review(event, context);
};

/** Let every message through as it is. The room's own handler, if it has one, takes this one's place. */
const allow = async ({ Content, Attributes }) => ({ ReviewResult: 'ALLOW', Content, Attributes: Attributes ?? {} });

export const handler = withoutBannedUsers(allow);
