// Whether a user is banned from a room of Amazon IVS Chat: for token services and message review handlers in Node.js 20
// and later. It reads the denylist that `reconciler apply` publishes, and does what reconciler/gate.py does; docs/gate.md
// in the same repository says how to use it, and what it guarantees. The AWS SDK (v3) is needed only for places on S3
// and DynamoDB: @aws-sdk/client-s3, @aws-sdk/client-dynamodb.
//
//     const gate = new Gate('dynamodb://us-west-2/denylist');
//
//     const token = await chat.send(new CreateChatTokenCommand({ roomIdentifier: roomArn, userId, ... }));
//     await gate.admit(userId, roomArn); // rejects with Banned, or DenylistUnavailable: then nobody gets the token
//     return token;

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { performance } from 'node:perf_hooks';
import { addAbortSignal } from 'node:stream';

const LARGEST_DOCUMENT = 256 * 1024 * 1024; // bytes; a million bans take about 100 MB
const USERS_KEPT = 10_000; // of a table, the newest verdicts
const TOKEN_LIFE = 60; // seconds in which a token is good for connecting (AWS CLI reference, create-chat-token)
const CONNECTING = 20; // seconds, for connections that are being made
const TOKEN_RECORD_LIFE = 4 * 3600; // seconds; a session lasts up to 3 hours
const DOCUMENT_WITHIN = 30; // seconds, after which reading it is given up
const PAGES = 100; // of 1 MB, of one user's rows
const COMPLAIN_EVERY = 60; // seconds

const ROOM_ARN = /^arn:aws:ivschat:[a-z0-9-]+:[0-9]+:room\/[a-zA-Z0-9-]+$/;
const TIME =
  /^(?!0000)([0-9]{4})-([0-9]{2})-([0-9]{2})T([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])(\.[0-9]+)?(?:Z|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))$/;
const LAST_SECOND = 253_402_300_799; // of the year 9999

/** Nobody knows whether the user is banned: the denylist cannot be read, or the copy of it is too old.
 *
 * The message is for the operator, and names no user. What to do is the caller's decision: refuse, or let in. */
export class DenylistUnavailable extends Error {
  name = 'DenylistUnavailable';
}

/** The user is banned from the room; `until` is a Date, or null if for good. */
export class Banned extends Error {
  name = 'Banned';

  constructor(until) {
    super(until === null ? 'banned for good' : `banned until ${until.toISOString()}`);
    this.until = until;
  }
}

/** Answers for the rooms whose bans are published at its locations.
 *
 * `locations` is one, or an array: a path, `s3://BUCKET/KEY` or `dynamodb://REGION/TABLE`. Somebody is banned if one of
 * them says so. A table has to have the head of the list `bans`; where the lists have other names,
 * `dynamodb://REGION/TABLE#NAME,NAME` says which. The options, in seconds:
 * - `tokenRecords`: `dynamodb://REGION/TABLE`, where `admit` notes who gets a token for which room.
 * - `maxAge`: how long a copy serves, counted from before it was read. It is renewed from half of it on.
 * - `maxStale`: how long `check` makes do with a copy that cannot be renewed.
 * - `timeout`: how long a call takes at most; a message review handler has 0.2 s in all. */
export class Gate {
  #sources;
  #records;
  #timeout;

  constructor(locations, { tokenRecords = null, maxAge = 10, maxStale = 3600, timeout = 2 } = {}) {
    if (!(maxAge >= 0 && maxAge <= maxStale && maxStale < Infinity && timeout > 0 && timeout <= 60)) {
      throw new RangeError('maxAge is 0 or more and at most maxStale; timeout is above 0 and at most 60 s');
    }
    const limits = { maxAge, maxStale, timeout };
    this.#timeout = timeout;
    this.#sources = [locations].flat().map((place) => source(place, limits));
    if (this.#sources.length === 0) throw new RangeError('a gate needs a location');
    this.#records = tokenRecords === null ? null : tokenRecordsAt(tokenRecords, limits);
    for (const each of this.#sources) each.begin(null, moment(), false);
  }

  /** Whether the user is banned, from a copy that may be `maxAge` old: for messages, and for quick refusals.
   *
   * Resolves to `{ banned, until }`, `until` a Date, or null if for good. Rejects with DenylistUnavailable if no copy is
   * younger than `maxStale` and none could be read within `timeout`, and with TypeError if no user or no room can be
   * called that. */
  async check(userId, roomArn) {
    demand(userId, roomArn);
    return this.#verdict(userId, roomArn, performance.now() + this.#timeout * 1000, false);
  }

  /** Let a user have the token that was made for them: call it after CreateChatToken, before handing it out.
   *
   * It notes the token if there are `tokenRecords`, then asks: a copy younger than `maxAge`, or the table itself.
   * Rejects with Banned (throw the token away), with DenylistUnavailable if what has to be known could not be read, or
   * not be written, within `timeout`, and with TypeError if no user or no room can be called that. */
  async admit(userId, roomArn) {
    demand(userId, roomArn);
    const deadline = performance.now() + this.#timeout * 1000;
    // Before the check: an apply that does not find this record has published its ban before it looked.
    if (this.#records !== null) {
      await this.#records.get(JSON.stringify([userId, roomArn]), moment(), 0, deadline, true);
    }
    const { banned, until } = await this.#verdict(userId, roomArn, deadline, true);
    if (banned) throw new Banned(until);
  }

  async #verdict(userId, roomArn, deadline, strict) {
    const now = moment();
    const asked = this.#sources.map((each) => each.end(userId, roomArn, now, deadline, strict));
    const outcomes = await Promise.allSettled(asked);
    const end = Math.max(0, ...outcomes.map((outcome) => outcome.value ?? 0));
    if (end > now.wall) {
      return { banned: true, until: end === Infinity ? null : new Date(Math.min(end, LAST_SECOND) * 1000) };
    }
    const unavailable = outcomes.find((outcome) => outcome.status === 'rejected');
    if (unavailable) throw unavailable.reason;
    return { banned: false, until: null };
  }
}

/** Refuse what cannot be: asked about `undefined`, or about the name of a room, a denylist would always say no. */
function demand(userId, roomArn) {
  if (typeof userId !== 'string' || userId === '' || userId.length > 256 || [...userId].length > 128) {
    throw new TypeError('a user ID is a text of 1 to 128 characters');
  }
  if (typeof roomArn !== 'string' || roomArn.length > 128 || !ROOM_ARN.test(roomArn)) {
    throw new TypeError('a room is given as its ARN: arn:aws:ivschat:REGION:ACCOUNT:room/ID');
  }
}

// Time ----------------------------------------------------------------------------------------------------------------

let moments = 0;

/** A number that rises with each moment, and two clocks, in seconds. The first stands still while a machine sleeps; the
 * other is the time of day, which is set right when it goes on. */
const moment = () => ({ number: ++moments, clock: performance.now() / 1000, wall: Date.now() / 1000 });

/** Seconds from one moment to another, as the clock says on which more has passed. */
const age = (then, now) => Math.max(now.clock - then.clock, now.wall - then.wall);

/** Whether what was asked for then is young enough for a call of `now`: also what was asked for after it. */
const serves = (asked, now, allowed) => asked.number > now.number || (allowed > 0 && age(asked, now) <= allowed);

/** RFC 3339 as seconds since 1970; no end, null, is infinity. Throws at anything else. */
function seconds(text) {
  if (text === null) return Infinity;
  const found = typeof text === 'string' ? TIME.exec(text) : null;
  if (found === null) throw new Error('a time in it is none');
  const [, year, month, day, hour, minute, second, fraction, sign, hours, minutes] = found;
  const midnight = new Date(0);
  midnight.setUTCFullYear(Number(year), Number(month) - 1, Number(day)); // Date.UTC takes the year 99 for 1999
  if (midnight.getUTCMonth() !== Number(month) - 1) throw new Error('a time in it is none');
  const offset = sign ? Number(`${sign}1`) * (Number(hours) * 60 + Number(minutes)) * 60 : 0;
  const time = Number(hour) * 3600 + Number(minute) * 60 + Number(second) + Number(fraction ?? 0);
  return midnight.getTime() / 1000 + time - offset;
}

// Asking --------------------------------------------------------------------------------------------------------------

/** The answers to some kind of question, such as the rows of a user. `ask` is given the question, the last answer and a
 * signal; what takes longer than `within` seconds is given up, so that it blocks nothing and never piles up. */
class Answers {
  #place;
  #ask;
  #limits;
  #within;
  #kept;
  #pause;
  #answers = new Map();
  #complained = null;

  constructor(place, ask, limits, within, kept = 1) {
    this.#place = place;
    this.#ask = ask;
    this.#limits = limits;
    this.#within = within;
    this.#kept = kept;
    this.#pause = Math.min(1, limits.maxAge / 2); // after a failure: nobody asks again, and nobody waits
  }

  /** Ask, unless there is an answer that is young enough, and do not wait for it. */
  begin(key, now, allowed) {
    const answer = this.#of(key);
    if (answer.good === null || !serves(answer.good.asked, now, allowed / 2)) this.#renew(key, answer, now, allowed);
  }

  /** The answer to a question. `allowed` is how old it may be at the moment of the call, `now`; with 0 it is asked for
   * afterwards. `deadline` is until when to wait for a new one, by `performance.now()`. `strict` means rather none than
   * an older one, which may otherwise be `maxStale` old. */
  async get(key, now, allowed, deadline, strict) {
    const answer = this.#of(key);
    const { failed } = answer;
    const waits = failed === null || allowed === 0 || age(failed.at, now) >= this.#pause;
    for (;;) {
      if (answer.good !== null && serves(answer.good.asked, now, allowed)) {
        if (waits && !serves(answer.good.asked, now, allowed / 2)) this.#renew(key, answer, now, allowed);
        return answer.good.value;
      }
      if (answer.failed !== failed && answer.failed !== null && serves(answer.failed.asked, now, allowed)) break;
      if (!waits) break;
      this.#renew(key, answer, now, allowed);
      const left = deadline - performance.now();
      if (left <= 0) break;
      await ended(answer.running, left);
    }
    if (!strict && answer.good !== null && age(answer.good.asked, moment()) <= this.#limits.maxStale) {
      return answer.good.value;
    }
    const why = answer.failed?.error.message ?? `no answer within ${this.#limits.timeout} s`;
    throw new DenylistUnavailable(`${this.#place}: ${why}`);
  }

  #of(key) {
    let answer = this.#answers.get(key);
    if (answer === undefined) {
      if (this.#answers.size >= this.#kept) this.#answers.delete(this.#answers.keys().next().value);
      answer = { good: null, failed: null, asked: null, running: null };
      this.#answers.set(key, answer);
    }
    return answer;
  }

  #renew(key, answer, now, allowed) {
    if (answer.asked !== null && serves(answer.asked, now, allowed)) return;
    answer.asked = moment();
    answer.running = this.#run(key, answer, answer.asked);
  }

  async #run(key, answer, asked) {
    const giveUp = new AbortController();
    const timer = setTimeout(() => giveUp.abort(new Error(`no answer within ${this.#within} s`)), this.#within * 1000);
    timer.unref();
    try {
      const gaveUp = new Promise((_, reject) => {
        giveUp.signal.addEventListener('abort', () => reject(giveUp.signal.reason));
      });
      const value = await Promise.race([this.#ask(key, answer.good?.value ?? null, giveUp.signal), gaveUp]);
      if (answer.good === null || answer.good.asked.number < asked.number) {
        answer.good = { asked, value };
        answer.failed = null;
      }
    } catch (error) {
      if (answer.good === null || answer.good.asked.number < asked.number) {
        answer.failed = { asked, at: moment(), error };
      }
      this.#complain(error);
    } finally {
      clearTimeout(timer);
      if (answer.asked === asked) answer.asked = null;
    }
  }

  /** Tell the operator, now and then: a copy may serve for an hour before anybody else notices. */
  #complain(error) {
    const now = moment();
    if (this.#complained === null || age(this.#complained, now) >= COMPLAIN_EVERY) {
      this.#complained = now;
      console.warn(`${this.#place}: ${error.message}`);
    }
  }
}

/** Wait for something to end, for at most so many milliseconds. */
async function ended(running, left) {
  let timer;
  const late = new Promise((end) => {
    timer = setTimeout(end, left);
  });
  await Promise.race([running, late]);
  clearTimeout(timer);
}

// Documents -----------------------------------------------------------------------------------------------------------

/** When a user's ban in a room ends, 0 if there is none. Of several, the one that ends last counts. */
const endOf = (rooms, roomArn) => Math.max(rooms?.get(roomArn) ?? 0, rooms?.get('*') ?? 0);

/** Note a ban among the rooms of a user, unless there is one that ends later. */
const note = (rooms, room, end) => rooms.set(room, Math.max(end, rooms.get(room) ?? 0));

/** A denylist that is read as a whole: a file, or an object on S3. */
class WholeDocument {
  #answers;
  #limits;

  constructor(place, read, limits) {
    this.#answers = new Answers(place, (_, last, signal) => read(last, signal), limits, DOCUMENT_WITHIN);
    this.#limits = limits;
  }

  begin(_userId, now) {
    this.#answers.begin(null, now, this.#limits.maxAge);
  }

  async end(userId, roomArn, now, deadline, strict) {
    const document = await this.#answers.get(null, now, this.#limits.maxAge, deadline, strict);
    return endOf(document.bans.get(userId), roomArn);
  }
}

const DAMAGED = 'it is damaged: its bans are not as many as it says, or have no proper ends';

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Who is banned in a document, provisionally or not, as a Map: a user may be called `constructor`. */
function parsed(bytes, place, limits) {
  const document = JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  const version = isObject(document) ? document.format_version : undefined;
  if (version !== 1) {
    throw new Error(version ? `its format_version is ${version}, and this gate reads 1` : 'it is no denylist');
  }
  const bans = new Map();
  const count = added(bans, document.bans);
  added(bans, document.provisional);
  if (count !== document.count) throw new Error(DAMAGED);
  settles(place, document.settle_after, limits);
  return bans;
}

/** Add users with their rooms, and say how many bans these are. */
function added(bans, users) {
  if (!isObject(users)) throw new Error(DAMAGED);
  let count = 0;
  for (const userId of Object.keys(users)) {
    if (!isObject(users[userId])) throw new Error(DAMAGED);
    let rooms = bans.get(userId);
    if (rooms === undefined) bans.set(userId, (rooms = new Map()));
    for (const [room, end] of Object.entries(users[userId])) {
      note(rooms, room, seconds(end));
      count += 1;
    }
  }
  return count;
}

function source(place, limits) {
  if (typeof place !== 'string' || place === '') throw new RangeError('a location is a text');
  if (place.startsWith('dynamodb://')) return new Table(place, limits);
  if (place.startsWith('s3://')) return new WholeDocument(place, object(place, limits), limits);
  if (place.includes('://')) {
    throw new RangeError(`${place} is no place of a denylist: use a path, s3://BUCKET/KEY or dynamodb://REGION/TABLE`);
  }
  return new WholeDocument(place, file(place, limits), limits);
}

function file(place, limits) {
  const path = resolve(place);
  return async (last) => {
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK); // a FIFO would hold us up
    try {
      const now = await handle.stat({ bigint: true });
      if (!now.isFile()) throw new Error('it is no file');
      const version = [now.dev, now.ino, now.size, now.mtimeNs, now.ctimeNs].join();
      if (last !== null && last.version === version) return last;
      requireSize(Number(now.size));
      const bytes = Buffer.alloc(Number(now.size) + 1);
      let length = 0;
      for (let read = -1; read !== 0 && length < bytes.length; length += read) {
        ({ bytesRead: read } = await handle.read(bytes, length, bytes.length - length));
      }
      // Soon after a change there may be another within the same tick of the file system's clock.
      const changed = now.mtimeMs > now.ctimeMs ? now.mtimeMs : now.ctimeMs;
      const settled = Date.now() - Number(changed) > 2000;
      return { bans: parsed(bytes.subarray(0, length), place, limits), version: settled ? version : null };
    } finally {
      await handle.close();
    }
  };
}

function object(place, limits) {
  const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(place) ?? [];
  if (key === undefined) throw new RangeError(`${place} is no object: use s3://BUCKET/KEY`);
  let client;
  return async (last, abortSignal) => {
    const { GetObjectCommand, S3Client } = await import('@aws-sdk/client-s3');
    client ??= new S3Client({ maxAttempts: 2, ...patience(limits) });
    let answer;
    try {
      const wanted = { Bucket: bucket, Key: key, ...(last !== null && { IfNoneMatch: last.version }) };
      answer = await client.send(new GetObjectCommand(wanted), { abortSignal });
    } catch (error) {
      if (last !== null && error.$metadata?.httpStatusCode === 304) return last;
      throw error;
    }
    const body = addAbortSignal(abortSignal, answer.Body);
    try {
      requireSize(answer.ContentLength);
      const chunks = [];
      for await (const chunk of body) chunks.push(chunk); // Node sees to it that it is as long as announced
      return { bans: parsed(Buffer.concat(chunks), place, limits), version: answer.ETag };
    } finally {
      body.destroy();
    }
  };
}

function requireSize(size) {
  if (!(size <= LARGEST_DOCUMENT)) throw new Error(`it is larger than ${LARGEST_DOCUMENT / 1024 / 1024} MB`);
}

/** For a client of AWS: how long it waits for a connection. How long for an answer, the signal says. */
const patience = ({ timeout }) => ({ requestHandler: { connectionTimeout: Math.max(1, timeout) * 1000 } });

// Tables --------------------------------------------------------------------------------------------------------------

function table(place, limits) {
  const [found, region, name, names] =
    /^dynamodb:\/\/([a-z0-9-]+)\/([A-Za-z0-9_.-]{3,255})(?:#([A-Za-z0-9_.,-]+))?$/.exec(place) ?? [];
  if (found === undefined) {
    throw new RangeError(`${place} is no table: use dynamodb://REGION/TABLE or dynamodb://REGION/TABLE#NAME`);
  }
  let client;
  const send = async (command, input, abortSignal) => {
    const sdk = await import('@aws-sdk/client-dynamodb');
    client ??= new sdk.DynamoDBClient({ region, maxAttempts: 2, ...patience(limits) });
    return client.send(new sdk[command](input), { abortSignal });
  };
  return { send, name, names };
}

/** A denylist in a table, of which the rows of the users are read who are asked about, and the heads. */
class Table {
  #place;
  #limits;
  #table;
  #wanted;
  #heads;
  #users;

  constructor(place, limits) {
    this.#place = place;
    this.#limits = limits;
    this.#table = table(place, limits);
    this.#wanted = (this.#table.names ?? 'bans').split(',');
    const within = Math.max(1, limits.timeout);
    this.#heads = new Answers(place, (_, last, signal) => this.#readHeads(signal), limits, within);
    this.#users = new Answers(place, (userId, last, signal) => this.#readUser(userId, signal), limits, within, USERS_KEPT);
  }

  begin(_userId, now) {
    this.#heads.begin(null, now, this.#limits.maxAge);
  }

  async end(userId, roomArn, now, deadline, strict) {
    const { maxAge } = this.#limits;
    this.begin(userId, now);
    const end = endOf(await this.#users.get(userId, now, strict ? 0 : maxAge, deadline, strict), roomArn);
    if (end > now.wall) return end;
    const heads = await this.#heads.get(null, now, maxAge, deadline, strict);
    const missing = this.#wanted.filter((name) => !heads.has(name));
    if (missing.length > 0) {
      const there = heads.size > 0 ? `there are ${[...heads].sort().join(', ')}` : 'there is none';
      throw new DenylistUnavailable(`${this.#place}: no list ${missing.join(', ')} has been published; ${there}`);
    }
    return end;
  }

  async #readUser(userId, signal) {
    const rooms = new Map();
    for await (const row of this.#rows(`user#${userId}`, signal)) {
      const [kind, room] = row.sk.S.split('#');
      if (kind === 'ban' || kind === 'now') note(rooms, room, seconds(row.expires_at ? row.expires_at.S : null));
    }
    return rooms;
  }

  /** The names of the lists that have been published; a head that has no `published_at` has not been yet. */
  async #readHeads(signal) {
    const names = new Set();
    for await (const row of this.#rows('head', signal)) {
      if (row.published_at === undefined) continue;
      names.add(row.sk.S);
      if (row.settle_after !== undefined) settles(this.#place, Number(row.settle_after.N), this.#limits);
    }
    return names;
  }

  async *#rows(pk, signal) {
    let from;
    for (let page = 0; page < PAGES; page += 1) {
      const { Items, LastEvaluatedKey } = await this.#table.send(
        'QueryCommand',
        {
          TableName: this.#table.name,
          ConsistentRead: true,
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': { S: pk } },
          ProjectionExpression: 'sk, expires_at, published_at, settle_after',
          ExclusiveStartKey: from,
        },
        signal,
      );
      yield* Items;
      if (LastEvaluatedKey === undefined) return;
      from = LastEvaluatedKey;
    }
    throw new Error('it has more rows than can be read');
  }
}

function tokenRecordsAt(place, limits) {
  const { send, name, names } = table(place, limits);
  if (names !== undefined) throw new RangeError(`${place} is no table of token records: use dynamodb://REGION/TABLE`);
  const write = async (key, _last, signal) => {
    const [userId, roomArn] = JSON.parse(key);
    const now = Math.floor(Date.now() / 1000);
    const Item = {
      pk: { S: userId },
      sk: { S: roomArn },
      issued_at: { S: new Date(now * 1000).toISOString().replace('.000Z', 'Z') },
      ttl: { N: String(now + TOKEN_RECORD_LIFE) },
    };
    await send('PutItemCommand', { TableName: name, Item }, signal);
  };
  return new Answers(place, write, limits, Math.max(1, limits.timeout), USERS_KEPT);
}

// For the operator ----------------------------------------------------------------------------------------------------

const warned = new Set();

/** Warn once if bans settle before the tokens are used up that this gate may still let through. */
function settles(place, settleAfter, { maxAge }) {
  const needed = TOKEN_LIFE + maxAge + CONNECTING;
  if (!(typeof settleAfter === 'number' && settleAfter < needed)) return;
  const message =
    `${place}: bans settle after ${settleAfter} s, but a gate with maxAge=${maxAge} needs ${needed} s:` +
    ' raise settle_after in the list, or lower maxAge';
  if (!warned.has(message)) console.warn(message);
  warned.add(message);
}
