// Asks examples/gate.mjs what it is told to on standard input, and prints what it said as JSON.
//
// node ask.mjs GATE < {"now": seconds, "asked": [{"location", "options", "questions": [[user, room]]}]}
// node ask.mjs GATE LOCATION OPTIONS: each line of standard input is a question, and is answered by a line.

import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [gateFile, location, options] = process.argv.slice(2);
const { Banned, DenylistUnavailable, Gate } = await import(pathToFileURL(gateFile));

const until = (date) => (date === null ? 'banned' : `banned until ${date.toISOString().slice(0, 19)}Z`);

let why = null;

function failed(error) {
  why = error.message;
  if (error instanceof Banned) return until(error.until);
  if (error instanceof DenylistUnavailable) return 'unavailable';
  if (error instanceof TypeError || error instanceof RangeError) return 'nonsense';
  throw error;
}

const checked = (gate, question) =>
  gate.check(...question).then((verdict) => (verdict.banned ? until(verdict.until) : 'free'), failed);
const admitted = (gate, question) => gate.admit(...question).then(() => 'free', failed);

console.warn = () => {};
if (location !== undefined) {
  const gate = new Gate(location, JSON.parse(options));
  for await (const line of createInterface({ input: process.stdin })) {
    const [word, ...question] = JSON.parse(line);
    const start = performance.now();
    const said = await { check: checked, admit: admitted }[word](gate, question);
    console.log(JSON.stringify({ said, why, seconds: (performance.now() - start) / 1000 }));
  }
} else {
  const chunks = [];
  for await (const chunk of process.stdin) chunks.push(chunk);
  const { now, asked } = JSON.parse(Buffer.concat(chunks));
  Date.now = () => now * 1000;
  const answers = [];
  for (const { location: place, options: more, questions } of asked) {
    const gate = new Gate(place, more);
    const said = [];
    for (const question of questions) said.push([await checked(gate, question), await admitted(gate, question)]);
    answers.push(said);
  }
  console.log(JSON.stringify(answers));
}
process.exit();
