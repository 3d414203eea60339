// Requests that reach no broker, and brokers that are none.

import assert from "node:assert/strict";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { type Mock, mock, test, type TestContext } from "node:test";
import { handle } from "../handle.ts";
import { type Handle, receiver } from "../webhook.ts";
import { delivery, headers, request, variables } from "./delivery.ts";
import { pem, signer } from "./vectors.ts";

const COLONY = (await signer("colony")).id;
const NOWHERE = "http://127.0.0.1:1";

/** Collects the lines of the log, and keeps them off the screen. */
function lines(context: TestContext): string[] {
  const written: string[] = [];
  for (const level of ["info", "warn", "error"] as const) {
    context.mock.method(console, level, (line: string) => written.push(line));
  }
  return written;
}

function settings(more: Record<string, string | undefined> = {}) {
  const values = { STRIPE_WEBHOOK_SECRET: "whsec_only_for_these_tests", APIARY_BROKER: NOWHERE, APIARY_COLONY: COLONY };
  return variables({ ...values, APIARY_KEY: pem("adapter"), WEBHOOK_MODE: "retry", ...more });
}

async function serve(context: TestContext, answer: RequestListener): Promise<string> {
  const server = createServer(answer).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  context.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function outcome(response: Response): Promise<[number, unknown]> {
  const { outcome, error } = (await response.json()) as { outcome?: string; error?: { reason: string } };
  return [response.status, outcome ?? error?.reason];
}

function handler(): Mock<Handle> {
  return mock.fn<Handle>(async () => {});
}

test("only signed events come further, and the answer says why not", async (context) => {
  lines(context);
  const sound = delivery("hostile");
  const own = handler();
  const receive = receiver(settings({ WEBHOOK_MODE: "direct" }), own);
  const post = (body: BodyInit | null, headers: Record<string, string>) =>
    receive(new Request("https://shop.example/", { method: "POST", headers, body, duplex: "half" } as RequestInit));
  const large = "x".repeat(1024 * 1024 + 1);
  const broken = new ReadableStream({ pull: (controller) => controller.error(new Error("reset")) });
  assert.deepEqual(await outcome(await receive(new Request("https://shop.example/"))), [405, "METHOD_NOT_ALLOWED"]);
  assert.deepEqual(await outcome(await post(sound.body, {})), [400, "SIGNATURE_MISSING"]);
  assert.deepEqual(await outcome(await post(sound.body, headers(sound.body, "whsec_other"))), [
    401,
    "SIGNATURE_INVALID",
  ]);
  assert.deepEqual(await outcome(await post(`${sound.body} `, headers(sound.body))), [401, "SIGNATURE_INVALID"]);
  assert.deepEqual(await outcome(await post(null, headers(sound.body))), [401, "SIGNATURE_INVALID"]);
  assert.deepEqual(await outcome(await post("{}", headers("{}"))), [400, "INVALID"]);
  assert.deepEqual(await outcome(await post(large, headers(large))), [413, "TOO_LARGE"]);
  assert.deepEqual(await outcome(await post(broken, headers(sound.body))), [408, "BODY_BROKEN"]);
  assert.equal(own.mock.callCount(), 0);
});

test("an answer that is no broker's is never taken for a stored event", async (context) => {
  lines(context);
  const other = "01a1fdfa-4678-7000-8000-000000000001";
  const answers: [string, RequestListener][] = [
    ["a page", (_, answer) => answer.end("<html>Welcome</html>")],
    ["nothing", (_, answer) => answer.end()],
    ["an empty object", (_, answer) => answer.end("{}")],
    ["no object", (_, answer) => answer.end("null")],
    ["another process that is new", (_, answer) => answer.end(JSON.stringify({ process_id: other, existed: false }))],
    ["an old process without an id", (_, answer) => answer.end(JSON.stringify({ existed: true }))],
    ["another status", (_, answer) => answer.writeHead(202).end(JSON.stringify({ process_id: other, existed: true }))],
    [
      "a way elsewhere",
      ({ url }, answer) => {
        if (url === "/v1/processes") answer.writeHead(307, { location: "/elsewhere" }).end();
        else answer.end(JSON.stringify({ process_id: other, existed: true }));
      },
    ],
    ["an endless answer", (_, answer) => void answer.writeHead(200).write("x".repeat(100_000))],
    [
      "a refusal",
      (_, answer) => answer.writeHead(403).end('{"error":{"reason":"NOT_PERMITTED","message":"no grant"}}'),
    ],
    [
      "half an answer",
      (_, answer) => void answer.writeHead(200, { "content-length": 100 }).write("{", () => answer.destroy()),
    ],
  ];
  for (const [name, answer] of answers) {
    const url = await serve(context, answer);
    for (const [mode, expected] of [
      ["retry", [503, "UNAVAILABLE"]],
      ["direct", [200, "handled"]],
    ] as const) {
      const own = handler();
      const receive = receiver(settings({ APIARY_BROKER: url, WEBHOOK_MODE: mode }), own);
      const response = await receive(request(delivery("page")));
      assert.deepEqual(await outcome(response), expected, name);
      assert.equal(own.mock.callCount(), mode === "direct" ? 1 : 0, name);
      assert.equal(response.headers.get("retry-after"), mode === "retry" ? "30" : null, name);
    }
  }
});

test("a refusal of the broker is named in the log", async (context) => {
  const written = lines(context);
  const body = JSON.stringify({ error: { reason: "NOT_PERMITTED", message: "no grant of this key" } });
  const url = await serve(context, (_, answer) => answer.writeHead(403).end(body));
  await receiver(settings({ APIARY_BROKER: url }), handler())(request(delivery("denied")));
  assert.deepEqual(
    written.map((line) => JSON.parse(line)).map(({ reason, message, event }) => [reason, message, event]),
    [["NOT_PERMITTED", "no grant of this key", "evt_denied"]],
  );
});

test("a handler that fails is a 503, and Stripe sends the event again", async (context) => {
  lines(context);
  const receive = receiver(settings({ WEBHOOK_MODE: "direct" }), async () => {
    throw new Error("the table is missing");
  });
  assert.deepEqual(await outcome(await receive(request(delivery("failed")))), [503, "UNAVAILABLE"]);
});

test("the handler gets the event and its key", async (context) => {
  lines(context);
  const own = handler();
  const sound = delivery("whole");
  await receiver(settings({ WEBHOOK_MODE: "direct" }), own)(request(sound));
  const [event, key] = own.mock.calls[0]!.arguments;
  assert.deepEqual([event, key], [JSON.parse(sound.body), sound.key]);
});

test("the mode is a variable, and the old switch keeps its meaning", async (context) => {
  lines(context);
  const unset = { WEBHOOK_MODE: undefined };
  const without = { APIARY_BROKER: undefined, APIARY_COLONY: undefined, APIARY_KEY: undefined };
  const modes: [Record<string, string | undefined>, [number, string]][] = [
    [unset, [503, "UNAVAILABLE"]],
    [{ ...unset, USE_COLONY_OS: "true" }, [200, "handled"]],
    [{ ...unset, ...without, USE_COLONY_OS: "false" }, [200, "handled"]],
    [{ ...without, WEBHOOK_MODE: "off" }, [200, "handled"]],
    [{ WEBHOOK_MODE: "retry", USE_COLONY_OS: "true" }, [503, "UNAVAILABLE"]],
    [{ WEBHOOK_MODE: "direkt" }, [503, "MISCONFIGURED"]],
    [{ ...unset, USE_COLONY_OS: "maybe" }, [503, "MISCONFIGURED"]],
  ];
  for (const [values, expected] of modes) {
    const receive = receiver(settings(values), handler());
    assert.deepEqual(await outcome(await receive(request(delivery("mode")))), expected, JSON.stringify(values));
  }
});

test("a variable that is missing or wrong is named in the log alone, and never quoted", async (context) => {
  const wrong: Record<string, (string | undefined)[]> = {
    STRIPE_WEBHOOK_SECRET: [undefined, "", "sk_live_secret"],
    APIARY_BROKER: [undefined, "secret.example", "http://broker.secret.example", "https://u:secret@broker.example"],
    APIARY_COLONY: [undefined, " "],
    APIARY_KEY: [undefined, "secret", "-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----"],
  };
  for (const [name, values] of Object.entries(wrong)) {
    for (const value of values) {
      const written = lines(context);
      const own = handler();
      const receive = receiver(settings({ WEBHOOK_MODE: "direct", [name]: value }), own);
      const response = await receive(request(delivery("unset")));
      const told = await response.clone().text();
      assert.deepEqual(await outcome(response), [503, "MISCONFIGURED"], `${name}=${value}`);
      assert.equal(written.length, 1);
      assert.match(written[0]!, new RegExp(name));
      assert.ok(!written[0]!.includes("secret.example") && !written[0]!.includes("sk_live") && !told.includes(name));
      assert.equal(own.mock.callCount(), 0, "a function that is not set up handles nothing");
      context.mock.restoreAll();
    }
  }
});

test("nothing of a body, a key or a secret stands in the log or in an answer", async (context) => {
  const written = lines(context);
  for (const mode of ["direct", "retry"]) {
    const response = await receiver(settings({ WEBHOOK_MODE: mode }), handler())(request(delivery("quiet")));
    written.push(await response.text());
  }
  assert.ok(written.length >= 5);
  const seed = pem("adapter").split("\n")[1]!;
  for (const line of written) {
    for (const word of ["Zoë", "whsec_", seed, "v1="]) assert.ok(!line.includes(word), line);
  }
});

test("the handler that comes along stores an event once, and believes nothing but a success", async (context) => {
  const calls: { url: string; headers: Record<string, unknown>; body: string }[] = [];
  let status = 201;
  const url = await serve(context, async (request, answer) => {
    let body = "";
    for await (const block of request) body += block;
    calls.push({ url: request.url!, headers: request.headers, body });
    answer.writeHead(status).end();
  });
  const event = { id: "evt_1", type: "invoice.paid", livemode: true };
  const store = (key: string | undefined) =>
    handle(event, "stripe:live::evt_1", variables({ SUPABASE_URL: `${url}/`, SUPABASE_SERVICE_ROLE_KEY: key }));
  await store("sb_secret_1");
  await store("header.payload.mac");
  assert.deepEqual(
    calls.map(({ url, headers }) => [url, headers.apikey, headers.authorization]),
    [
      ["/rest/v1/webhook_events?on_conflict=key", "sb_secret_1", undefined],
      ["/rest/v1/webhook_events?on_conflict=key", "header.payload.mac", "Bearer header.payload.mac"],
    ],
  );
  assert.match(String(calls[0]!.headers.prefer), /resolution=ignore-duplicates/);
  const { event: text, ...row } = JSON.parse(calls[0]!.body);
  assert.deepEqual([row, JSON.parse(text)], [{ key: "stripe:live::evt_1" }, event]);
  await assert.rejects(store(undefined), /SUPABASE_SERVICE_ROLE_KEY/);
  for (status of [204, 301, 401, 404, 409, 500]) await assert.rejects(store("sb_secret_1"), new RegExp(`${status}`));
});

test("a broker that accepts a connection and says nothing is given up after five seconds", async (context) => {
  lines(context);
  const url = await serve(context, () => {});
  const own = handler();
  const from = performance.now();
  const response = await receiver(
    settings({ APIARY_BROKER: url, WEBHOOK_MODE: "direct" }),
    own,
  )(request(delivery("slow")));
  const took = performance.now() - from;
  assert.deepEqual(await outcome(response), [200, "handled"]);
  assert.ok(took > 4900 && took < 9000, `${took} ms`);
  assert.equal(own.mock.callCount(), 1);
});
