// Stripe's webhooks: the signature, the event, and its spec. The spec has the key by which the webhook adapter of
// Apiary submits the same event, so an event that comes both ways is one process.

import { newProcessId, type Spec } from "./signer.ts";

/** Largest age of a signature, in seconds: Stripe's own default. */
export const TOLERANCE_S = 300;
const HEADER_BYTES_MAX = 2048;
const SECRETS_MAX = 8;
const SECRET_CHARS_MAX = 256;
/** Fewest characters of a secret after `whsec_`; Stripe's have 32 and more. */
const SECRET_CHARS_MIN = 16;
const DAY_MS = 24 * 3600 * 1000;

/** An event of Stripe: the fields that are always there, and the others as Stripe sends them. */
export interface StripeEvent {
  id: string;
  type: string;
  livemode: boolean;
  account?: string | null;
  object?: unknown;
  /** The account of a thin event, which names an object and leaves out its contents. */
  context?: unknown;
  [field: string]: unknown;
}

/** A request that does not come from Stripe, or holds no event. The message quotes nothing of it. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.name = "Refusal";
    this.status = status;
    this.reason = reason;
  }
}

/** Reads the signing secrets of the endpoints, separated by commas: several while one is rolled. */
export function signingSecrets(text: string): string[] {
  const secrets = text.split(",").map((secret) => secret.trim());
  const sound = (secret: string) =>
    secret.length <= SECRET_CHARS_MAX &&
    secret.length >= "whsec_".length + SECRET_CHARS_MIN &&
    /^whsec_[!-~]+$/.test(secret);
  if (secrets.length > SECRETS_MAX || !secrets.every(sound)) {
    throw new TypeError(`holds 1 to ${SECRETS_MAX} signing secrets, \`whsec_…\`; an API key (\`sk_…\`) is not one`);
  }
  return secrets;
}

/** Verifies that one of the secrets signed this body, not long ago. */
export async function verify(header: string | null, body: Uint8Array, secrets: string[], now: Date): Promise<void> {
  const { time, macs } = parse(header);
  const timed = new TextEncoder().encode(`${time}.`);
  const signed = new Uint8Array(timed.length + body.length);
  signed.set(timed);
  signed.set(body, timed.length);
  if (!(await isSigned(signed, macs, secrets))) {
    throw new Refusal(
      401,
      "SIGNATURE_INVALID",
      "the signature matches none of the signing secrets and this body: set this endpoint's secret",
    );
  }
  // Asked after the signature, so that only Stripe learns about this machine's clock.
  const age = Math.floor(now.getTime() / 1000) - Number(time);
  if (Math.abs(age) > TOLERANCE_S) {
    throw new Refusal(401, "SIGNATURE_STALE", `the request was signed ${age} s ago, the most is ${TOLERANCE_S} s`);
  }
}

/** Reads an event from a body whose signature was verified. */
export function readEvent(body: Uint8Array): StripeEvent {
  let event: StripeEvent;
  try {
    event = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body)) as StripeEvent;
  } catch {
    throw notAnEvent("it is not valid JSON in UTF-8");
  }
  if (!isId(event?.id, "evt_")) throw notAnEvent("`id` is not an event id (`evt_…`)");
  if (typeof event.type !== "string" || !/^[A-Za-z0-9._[\]-]{1,255}$/.test(event.type)) {
    throw notAnEvent("`type` is not a type of event");
  }
  if (typeof event.livemode !== "boolean") throw notAnEvent("`livemode` is not true or false");
  const account = event.account ?? undefined;
  if (account !== undefined && !isId(account, "acct_")) throw notAnEvent("`account` is not an account id (`acct_…`)");
  const context = accountOf(event);
  if (context !== undefined && (typeof context !== "string" || !/^(?=.{1,255}$)\w+(\/\w+)*$/.test(context))) {
    throw notAnEvent("`context` is not an account (`acct_…`)");
  }
  return event;
}

/** Returns the account of an event; that of a thin one stands elsewhere. */
function accountOf(event: StripeEvent): string | undefined {
  const account = event.object === "v2.core.event" ? event.context : event.account;
  return (account ?? undefined) as string | undefined;
}

/** Returns the event's key, the same on every way: `stripe:<live|test>:<account, or nothing>:<event id>`. */
export function eventKey(event: StripeEvent): string {
  return `stripe:${event.livemode ? "live" : "test"}:${accountOf(event) ?? ""}:${event.id}`;
}

/** Returns the spec of an event, as Apiary's webhook adapter makes it. */
export function stripeSpec(colony: string, event: StripeEvent, body: Uint8Array, now: Date): Spec {
  const labels: Record<string, string> = {
    stripe_event: event.id,
    stripe_type: event.type,
    livemode: String(event.livemode),
  };
  const account = accountOf(event);
  if (account) labels.stripe_account = account;
  return {
    colony,
    process_id: newProcessId(now),
    submit_by: new Date(now.getTime() + DAY_MS),
    function: "stripe.event",
    executor_type: "finance",
    args: body,
    priority: 8,
    labels,
    max_exec_ms: 30_000,
    max_retries: 20,
    idempotency_key: eventKey(event),
    on_failed: "redrive",
  };
}

function parse(header: string | null): { time: string; macs: Uint8Array[] } {
  const missing = "the request has no `Stripe-Signature` header: only signed webhooks are accepted";
  if (header === null) throw new Refusal(400, "SIGNATURE_MISSING", missing);
  if (header.length > HEADER_BYTES_MAX) throw malformed(`is longer than any of Stripe's: ${HEADER_BYTES_MAX} bytes`);
  const parts = header.split(",").map((part) => part.trim());
  const values = (scheme: string) =>
    parts.filter((part) => part.startsWith(`${scheme}=`)).map((part) => part.slice(scheme.length + 1));
  const times = values("t");
  if (times.length !== 1 || !/^\d{1,12}$/.test(times[0]!)) throw malformed("does not hold one time, `t=<seconds>`");
  // Only scheme v1, so that nobody can choose a weaker one.
  const macs = values("v1").filter((value) => /^[0-9a-f]{64}$/i.test(value));
  if (macs.length === 0) throw malformed("holds no signature `v1=<64 hexadecimal digits>`");
  return { time: times[0]!, macs: macs.map(fromHex) };
}

async function isSigned(signed: Uint8Array<ArrayBuffer>, macs: Uint8Array[], secrets: string[]): Promise<boolean> {
  for (const secret of secrets) {
    const bytes = new TextEncoder().encode(secret);
    const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    // Once for each secret: a header may hold many signatures, and a body a million bytes.
    const made = new Uint8Array(await crypto.subtle.sign("HMAC", key, signed));
    if (macs.some((mac) => isSame(mac, made))) return true;
  }
  return false;
}

/** Compares in a time that does not depend on the bytes. */
function isSame(left: Uint8Array, right: Uint8Array): boolean {
  let difference = left.length ^ right.length;
  for (let index = 0; index < right.length; index += 1) difference |= (left[index] ?? 0) ^ right[index]!;
  return difference === 0;
}

function fromHex(hex: string): Uint8Array {
  const byte = (_: unknown, index: number) => Number.parseInt(hex.slice(2 * index, 2 * index + 2), 16);
  return Uint8Array.from({ length: hex.length / 2 }, byte);
}

function isId(value: unknown, prefix: string): boolean {
  return typeof value === "string" && value.length <= 255 && value.startsWith(prefix) && /^[A-Za-z]+_\w+$/.test(value);
}

function malformed(problem: string): Refusal {
  return new Refusal(400, "SIGNATURE_MALFORMED", `the \`Stripe-Signature\` header ${problem}`);
}

function notAnEvent(problem: string): Refusal {
  return new Refusal(400, "INVALID", `the body is not a Stripe event: ${problem}`);
}
