// The functions of all platforms against a real broker, killed before, during and after a submit. The Rust test
// `tests/it/restart/functions` starts it, and executes the commands.

import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { type Delivery, delivery, headers, request } from "./delivery.ts";

type Handler = (request: Request) => Promise<Response>;
type Outcome = [status: number, outcome: unknown, existed?: boolean];

const stage = process.env.APIARY_TEST_STAGE;
assert.ok(stage, "`cargo test -p apiary-tests --test it functions` runs these tests");

let edge: Handler | undefined;
Object.assign(globalThis, {
  Deno: {
    env: { get: (name: string) => process.env[name] },
    serve: (handler: Handler) => void (edge = handler),
  },
});
const { default: netlify, config } = await import("../netlify.ts");
const { POST } = await import("../vercel.ts");
await import("../supabase-edge.ts");
assert.ok(edge);

const PLATFORMS: Record<string, Handler> = { netlify, vercel: POST, supabase: edge };
const MODES = ["direct", "retry"] as const;
/** What a function answers if the broker confirmed nothing. */
const WITHOUT_BROKER: Record<string, Outcome> = { direct: [200, "handled"], retry: [503, "UNAVAILABLE"] };

for (const level of ["info", "warn", "error"] as const) console[level] = () => {};

/** Fewest kills while events are sent. */
const KILLS_MIN = 6;

/** Pause of a sender: dozens that hardly pause would take the cores from the broker that starts. */
const SENDER_PAUSE_MS = 100;

/** Events that `sendUntilSubmitted` has sent. */
let submitted = 0;

/** All events so far, to be counted at the end. */
const events: Delivery[] = [];

async function command<T = null>(name: string): Promise<T> {
  return (await (await fetch(`${stage}/${name}`)).json()) as T;
}

const processes = () => command<Record<string, string[]>>("processes");
const table = () => command<Record<string, number>>("table");

/** Waits until a condition holds, with pauses between the looks; the longest wait is for a busy machine. */
async function until(what: string, holds: () => Promise<boolean>, pauseMs = 20): Promise<void> {
  const end = performance.now() + 120_000;
  while (!(await holds())) {
    assert.ok(performance.now() < end, `in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** Returns an event for each platform. */
function eventsFor(name: string): Record<string, Delivery> {
  const made = Object.keys(PLATFORMS).map((platform) => [platform, delivery(`${name}_${platform}`)] as const);
  events.push(...made.map(([, event]) => event));
  return Object.fromEntries(made);
}

async function outcome(answer: Response): Promise<Outcome> {
  const { outcome, error, existed } = (await answer.json()) as Record<string, any>;
  return existed === undefined ? [answer.status, outcome ?? error.reason] : [answer.status, outcome, existed];
}

/** Delivers every platform its event, and checks that all answer the same. */
async function deliver(sent: Record<string, Delivery>, expected: Outcome): Promise<void> {
  for (const [platform, answered] of await Promise.all(answers(sent))) assert.deepEqual(answered, expected, platform);
}

function answers(sent: Record<string, Delivery>): Promise<[string, Outcome]>[] {
  return Object.entries(sent).map(async ([platform, event]): Promise<[string, Outcome]> => {
    return [platform, await outcome(await PLATFORMS[platform]!(request(event)))];
  });
}

/** Lets a bee do what waits, and checks that every event is one process and one row, applied on so many ways. */
async function checkOnce(sent: Record<string, Delivery>, inserts: number): Promise<void> {
  await command("work");
  const [found, rows] = [await processes(), await table()];
  for (const { key } of Object.values(sent)) {
    assert.equal(found[key]?.length, 1, `${key} is one process`);
    assert.equal(rows[key], inserts, `${key} was applied`);
  }
}

/** Sends an event as Stripe does, until the broker has it. */
async function sendUntilSubmitted([platform, event]: [string, Delivery]): Promise<void> {
  const isSubmitted = async (): Promise<boolean> => {
    const answered = await outcome(await PLATFORMS[platform]!(request(event)));
    if (answered[1] === "submitted") return true;
    assert.deepEqual(answered, WITHOUT_BROKER[process.env.WEBHOOK_MODE!], platform);
    return false;
  };
  await until(`the broker has ${event.id}`, isSubmitted, SENDER_PAUSE_MS);
  submitted += 1;
}

for (const mode of MODES) {
  const direct = mode === "direct" ? 1 : 0;
  const set = () => void (process.env.WEBHOOK_MODE = mode);

  test(`${mode}: the broker runs, and whatever comes twice is one process`, async () => {
    set();
    const sent = eventsFor(`${mode}_sound`);
    await deliver(sent, [200, "submitted", false]);
    await deliver(sent, [200, "submitted", true]);
    await checkOnce(sent, 1);
    await deliver(sent, [200, "submitted", true]);
    await checkOnce(sent, 1);
  });

  test(`${mode}: the broker was killed before the submit`, async () => {
    set();
    const sent = eventsFor(`${mode}_before`);
    await command("kill");
    await deliver(sent, WITHOUT_BROKER[mode]!);
    await command("start");
    const rows = await table();
    for (const { key } of Object.values(sent)) assert.equal(rows[key] ?? 0, direct, "200 means that it is stored");
    await deliver(sent, [200, "submitted", false]);
    await checkOnce(sent, direct + 1);
  });

  test(`${mode}: the broker is killed when it has the event and has not said so`, async () => {
    set();
    const sent = eventsFor(`${mode}_during`);
    await command("swallow-answers");
    const answered = deliver(sent, WITHOUT_BROKER[mode]!);
    await until("the broker has the events", async () => {
      const found = await processes();
      return Object.values(sent).every(({ key }) => key in found);
    });
    await command("kill");
    await answered;
    await command("pass-answers");
    await command("start");
    await deliver(sent, [200, "submitted", true]);
    await checkOnce(sent, direct + 1);
  });

  test(`${mode}: the broker is killed after it has said so`, async () => {
    set();
    const sent = eventsFor(`${mode}_after`);
    await deliver(sent, [200, "submitted", false]);
    await command("kill");
    await command("start");
    const found = await processes();
    for (const { key } of Object.values(sent)) assert.equal(found[key]?.length, 1, "200 means that it is stored");
    await deliver(sent, [200, "submitted", true]);
    await checkOnce(sent, 1);
  });

  test(`${mode}: the broker stands still, is given up after five seconds, and goes on`, async () => {
    set();
    const sent = eventsFor(`${mode}_still`);
    await command("stand-still");
    const from = performance.now();
    await deliver(sent, WITHOUT_BROKER[mode]!);
    const took = performance.now() - from;
    assert.ok(took > 4900 && took < 9000, `${took} ms`);
    await command("go-on");
    for (const [platform, [status, told]] of await Promise.all(answers(sent))) {
      assert.deepEqual([status, told], [200, "submitted"], platform);
    }
    await checkOnce(sent, direct + 1);
  });

  test(`${mode}: the broker is killed again and again, and Stripe sends until it hears 200`, async () => {
    set();
    const sent = Array.from({ length: 8 }, (_, number) => eventsFor(`${mode}_often_${number}`));
    const sending = Promise.all(sent.flatMap((each) => Object.entries(each)).map(sendUntilSubmitted));
    let isSent = false;
    const done = () => void (isSent = true);
    sending.then(done, done);
    for (let kills = 0; kills < KILLS_MIN || !isSent; kills += 1) {
      const before = submitted;
      await command("kill");
      await command("start");
      // Others are on their way when the next kill comes.
      await until("an event is submitted", async () => isSent || submitted > before);
    }
    await sending;
    await command("work");
    const [found, rows] = [await processes(), await table()];
    for (const { key } of sent.flatMap((each) => Object.values(each))) {
      assert.equal(found[key]?.length, 1, key);
      assert.ok(rows[key]! >= 1, key);
    }
  });
}

test("without a broker the handler does it all", async () => {
  process.env.WEBHOOK_MODE = "off";
  const sent = eventsFor("off");
  await deliver(sent, [200, "handled"]);
  const found = await processes();
  for (const { key } of Object.values(sent)) assert.equal(found[key], undefined, "no broker was asked");
  process.env.WEBHOOK_MODE = "direct";
  await deliver(sent, [200, "submitted", false]);
  await checkOnce(sent, 2);
});

test("an event that comes by Apiary's own webhook adapter, too, is the same process", async () => {
  process.env.WEBHOOK_MODE = "retry";
  const sent = eventsFor("adapter");
  for (const [number, { body }] of Object.values(sent).entries()) {
    const adapter = () => fetch(process.env.APIARY_TEST_ADAPTER!, { method: "POST", headers: headers(body), body });
    const first = number % 2 === 0;
    if (first) assert.deepEqual(await outcome(await adapter()), [200, "submitted", false]);
    const answered = await outcome(
      await Object.values(PLATFORMS)[number]!(
        new Request("https://shop.example/", {
          method: "POST",
          headers: headers(body),
          body,
        }),
      ),
    );
    assert.deepEqual(answered, [200, "submitted", first]);
    assert.deepEqual(await outcome(await adapter()), [200, "submitted", true]);
  }
  await checkOnce(sent, 1);
});

test("the functions answer through a real HTTP server", async () => {
  process.env.WEBHOOK_MODE = "retry";
  const sent = eventsFor("served");
  assert.equal(config.path, "/webhooks/stripe");
  for (const [platform, { body }] of Object.entries(sent)) {
    const server = createServer((request, answer) => void serve(PLATFORMS[platform]!, request, answer));
    after(() => server.closeAllConnections());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const url: string = `http://127.0.0.1:${(server.address() as AddressInfo).port}${config.path}`;
    const post = (body: string, headers: Record<string, string>): Promise<Response> =>
      fetch(url, { method: "POST", headers, body });
    assert.deepEqual(await outcome(await post(`${body}\n`, headers(body))), [401, "SIGNATURE_INVALID"]);
    assert.deepEqual(await outcome(await post(body, headers(body))), [200, "submitted", false]);
    const other = await fetch(url);
    assert.deepEqual(await outcome(other), [405, "METHOD_NOT_ALLOWED"]);
    assert.equal(other.headers.get("allow"), "POST");
    server.close();
  }
  await checkOnce(sent, 1);
});

/** Hands a request of Node's server to a function, as platforms do. */
async function serve(handler: Handler, request: IncomingMessage, answer: ServerResponse): Promise<void> {
  const sent = new Headers();
  for (const [name, value] of Object.entries(request.headersDistinct)) {
    for (const one of value ?? []) sent.append(name, one);
  }
  const blocks: Buffer[] = [];
  for await (const block of request) blocks.push(block);
  const { method = "GET" } = request;
  const body = method === "GET" ? null : Buffer.concat(blocks);
  const answered = await handler(new Request(`http://shop.example${request.url}`, { method, headers: sent, body }));
  answer.writeHead(answered.status, [...answered.headers].flat()).end(Buffer.from(await answered.arrayBuffer()));
}

test("every event that was sent is one process and one row", async () => {
  await command("work");
  const [found, rows] = [await processes(), await table()];
  assert.deepEqual(Object.keys(found).sort(), events.map(({ key }) => key).sort());
  assert.ok(Object.values(found).every((ids) => ids.length === 1));
  assert.deepEqual(Object.keys(rows).sort(), Object.keys(found).sort());
});
