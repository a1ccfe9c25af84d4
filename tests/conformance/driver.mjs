// Drives the real guard and the real storages over traces and writes down what they say.
//
//   node driver.mjs memory          virtual time, exact
//   node driver.mjs redis <port>    real time, all traces at once
//
// Started in a folder with the packages. Reads one trace a line:
//   {"limit": 3, "ttl": 700, "requests": [[0, "a"], [12.5, "b"], ...]}    (milliseconds, key)
// and writes one line for each, with an entry for each request:
//   [earliest, latest, allowed, {header: value}]    (milliseconds of the clock the storage used)

import { createRequire } from "node:module";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";

const load = createRequire(join(process.cwd(), "packages.cjs"));
load("reflect-metadata");
const { Reflector } = load("@nestjs/core");
const { ThrottlerGuard, ThrottlerStorageService } = load("@nestjs/throttler");

class PublicController {}
function createPost() {}

/** The real guard, asked without HTTP: (key) => [allowed, headers]. */
async function makeAsk({ limit, ttl }, storage) {
  const throttlers = [{ limit: Number(limit), ttl }];
  const getTracker = (request) => request.key;
  const guard = new ThrottlerGuard({ throttlers, getTracker }, storage, new Reflector());
  await guard.onModuleInit();
  return async (key) => {
    const headers = {};
    const response = { header: (name, value) => (headers[name] = String(value)) };
    const http = { getRequest: () => ({ key }), getResponse: () => response };
    const context = {
      getClass: () => PublicController,
      getHandler: () => createPost,
      switchToHttp: () => http,
    };
    try {
      return [await guard.canActivate(context), headers];
    } catch (error) {
      if (error.getStatus?.() !== 429) throw error;
      return [false, headers];
    }
  };
}

// ---- in-memory storage: the clock and the timers are ours, so that every millisecond is exact

class Clock {
  now = 1_700_000_000_000;
  #timers = new Map();
  #last = 0;

  install() {
    Date.now = () => this.now;
    globalThis.setTimeout = (run, delay) => {
      this.#timers.set(++this.#last, { due: this.now + delay, run });
      return this.#last;
    };
    globalThis.clearTimeout = (id) => this.#timers.delete(id);
  }

  /** Steps to a moment; a timer of that very millisecond has run by then. */
  advance(to) {
    for (const [id, { due, run }] of this.#timers) {
      if (due > to) continue; // one delay for all timers of a trace: insertion order is due order
      this.#timers.delete(id);
      this.now = due;
      run();
    }
    this.now = to;
  }
}

async function overMemory(trace) {
  const clock = new Clock();
  clock.install();
  const start = clock.now;
  const ask = await makeAsk(trace, new ThrottlerStorageService());
  const answers = [];
  for (const [at, key] of trace.requests) {
    clock.advance(start + at);
    answers.push([clock.now, clock.now, ...(await ask(key))]);
  }
  return answers;
}

// ---- Redis storage

async function redisRunner(port) {
  const { Redis } = load("ioredis");
  const { ThrottlerStorageRedisService } = load("@nest-lab/throttler-storage-redis");

  /** Sends each script between two TIMEs in one packet, so that they bracket its own clock.
   * Not in a MULTI: newer servers would stop the clock at its EXEC, before the first TIME. */
  class TimedRedis extends Redis {
    async call(...command) {
      const replies = await this.pipeline().time().call(...command).time().exec();
      const [before, result, after] = replies.map(([error, value]) => {
        if (error) throw error;
        return value;
      });
      this.bracket = [before, after].map(
        ([seconds, micros]) => Number(seconds) * 1000 + Math.floor(Number(micros) / 1000),
      );
      return result;
    }
  }

  // The periodic sweep of newer servers drops an entry in the very millisecond of its expiry, in
  // which the script itself would still see it. Which comes first is chance: so no sweep here.
  const admin = new Redis({ host: "127.0.0.1", port });
  await admin.call("DEBUG", "SET-ACTIVE-EXPIRE", "0");
  admin.disconnect();

  return async (trace, number, start) => {
    const redis = new TimedRedis({ host: "127.0.0.1", port });
    try {
      const ask = await makeAsk(trace, new ThrottlerStorageRedisService(redis));
      const answers = [];
      for (const [at, key] of trace.requests) {
        const left = start + at - performance.now();
        if (left > 0) await sleep(left);
        const verdict = await ask(`${number} ${key}`);
        answers.push([...redis.bracket, ...verdict]);
      }
      return answers;
    } finally {
      redis.disconnect();
    }
  };
}

const [kind, port] = process.argv.slice(2);
const traces = [];
for await (const line of createInterface({ input: process.stdin })) traces.push(JSON.parse(line));

const recorded = [];
if (kind === "memory") {
  for (const trace of traces) recorded.push(await overMemory(trace));
} else {
  const run = await redisRunner(Number(port));
  const start = performance.now() + 200; // after all connections stand
  recorded.push(...(await Promise.all(traces.map((trace, number) => run(trace, number, start)))));
}
for (const answers of recorded) process.stdout.write(`${JSON.stringify(answers)}\n`);
