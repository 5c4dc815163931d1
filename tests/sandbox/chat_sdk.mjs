// Joins rooms with Amazon's chat SDK for JavaScript, and prints all that it says as lines of JSON.
// Usage: node chat_sdk.mjs NODE_MODULES WEBSOCKET_URL, with a command a line on standard input:
// {client, do: "connect", tokens: [answers of CreateChatToken]} | {client, do: "connect", service: URL of a token service,
// room: its ARN} | {client, do: "sendMessage" | "deleteMessage" | "disconnectUser", with: [arguments of the request]} |
// {client, do: "disconnect"}
import { createRequire } from "node:module";
import { createInterface } from "node:readline";
import { join } from "node:path";

const [nodeModules, url] = process.argv.slice(2);
const require = createRequire(join(nodeModules, "anchor.js"));
globalThis.WebSocket = require("ws");
const { ChatRoom, SendMessageRequest, DeleteMessageRequest, DisconnectUserRequest } = require("amazon-ivs-chat-messaging");
const REQUESTS = {
  sendMessage: SendMessageRequest,
  deleteMessage: DeleteMessageRequest,
  disconnectUser: DisconnectUserRequest,
};

const rooms = new Map();
const say = (client, what, value) => console.log(JSON.stringify({ client, what, value: value ?? null }));

const from = (client, tokens) => async () => {
  say(client, "token", tokens.length);
  if (!tokens.length) throw new Error("no token left");
  return tokens.shift();
};

// As an application does it, whose users have signed in.
const asking = (client, service, room) => async () => {
  const headers = { authorization: `Bearer ${client}`, "content-type": "application/json" };
  const answer = await fetch(service, { method: "POST", headers, body: JSON.stringify({ room }) });
  const body = await answer.json();
  say(client, "token", [answer.status, body.error ?? null]);
  if (!answer.ok) throw new Error(body.error);
  return body;
};

function connect(client, tokenProvider) {
  const room = new ChatRoom({ regionOrUrl: url, tokenProvider });
  room.logLevel = "error";
  // The SDK hands what it could not read to its logger alone.
  room.logger = { debug() {}, info() {}, error: (text) => say(client, "log", text.replace(/^Room \S+ /, "")) };
  for (const event of ["connecting", "connect", "disconnect", "message", "event", "messageDelete", "userDisconnect"]) {
    room.addListener(event, (value) => say(client, event, value));
  }
  rooms.set(client, room);
  room.connect();
}

for await (const line of createInterface({ input: process.stdin })) {
  const { client, do: what, tokens, service, room, with: args } = JSON.parse(line);
  if (what === "connect") connect(client, service ? asking(client, service, room) : from(client, tokens));
  else if (what === "disconnect") rooms.get(client).disconnect();
  else {
    rooms
      .get(client)
      [what](new REQUESTS[what](...args))
      .then(
        (value) => say(client, "resolved", value),
        (error) => say(client, "rejected", error),
      );
  }
}
process.exit(0);
