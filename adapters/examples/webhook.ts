// What a delivery of Stripe goes through: verified, submitted, and if the broker does not answer, handled here or sent
// again by Stripe. An answer of 200 means that the event is durable: with the broker, or in your own tables.

import { Signer } from "./signer.ts";
import { eventKey, readEvent, Refusal, signingSecrets, type StripeEvent, stripeSpec, verify } from "./stripe.ts";
import { brokerUrl, bytesOf, submit, SubmitError, SUBMIT_MS_MAX } from "./submit.ts";

/** Largest body, in bytes: what a spec can hold. Stripe's events are far smaller. */
export const BODY_BYTES_MAX = 1024 * 1024;
/** Longest wait for a body that has begun to come, in milliseconds. */
export const BODY_MS_MAX = 10_000;
/** Longest wait for your own handler, in milliseconds; Stripe then sends the event again. */
export const HANDLE_MS_MAX = 20_000;
const RETRY_AFTER_S = "30";
const LOGGED_CHARS_MAX = 300;

/** Reads a variable: a platform's environment, or its store of secrets. */
export type Variables = (name: string) => string | undefined;

/** Your own handler. It must be durable when it returns, and change nothing if this key was handled before. */
export type Handle = (event: StripeEvent, key: string, variables: Variables) => Promise<void>;

/** What happens to an event that the broker did not confirm; `off` asks no broker at all. */
type Mode = "direct" | "retry" | "off";

interface Settings {
  secrets: string[];
  mode: Mode;
  broker?: { url: string; colony: string; signer: Signer };
}

/** A variable that is missing or cannot be used. */
class SettingError extends Error {}

/** Returns the function that takes Stripe's requests. Variables are read for each, so a change needs no restart. */
export function receiver(variables: Variables, handle: Handle): (request: Request) => Promise<Response> {
  return async (request) => {
    try {
      return await receive(request, variables, handle);
    } catch (error) {
      if (error instanceof Refusal) return refuse(error);
      const isSetting = error instanceof SettingError;
      log("error", { reason: isSetting ? "MISCONFIGURED" : "INTERNAL", message: words(error) });
      if (!isSetting) return refuse(notStored());
      return refuse(new Refusal(503, "MISCONFIGURED", "this function is not set up: its log says what is missing"));
    }
  };
}

async function receive(request: Request, variables: Variables, handle: Handle): Promise<Response> {
  if (request.method !== "POST") throw new Refusal(405, "METHOD_NOT_ALLOWED", "webhooks are sent by POST");
  const settings = await readSettings(variables);
  const body = await within(BODY_MS_MAX, bytesOf(request.body, BODY_BYTES_MAX)).catch(() => {
    throw new Refusal(408, "BODY_BROKEN", "the body broke off, or came too slowly: send the request again");
  });
  if (!body) throw new Refusal(413, "TOO_LARGE", `the body has more than ${BODY_BYTES_MAX} bytes`);
  await verify(request.headers.get("stripe-signature"), body, settings.secrets, new Date());
  const event = readEvent(body);
  const submitted = await submitEvent(event, body, settings);
  if (submitted) return submitted;
  if (settings.mode === "retry") {
    throw notStored();
  }
  return handled(event, handle, variables);
}

/** Returns the answer for an event that the broker has; `undefined` if it did not say so. */
async function submitEvent(event: StripeEvent, body: Uint8Array, settings: Settings): Promise<Response | undefined> {
  if (!settings.broker) return undefined;
  const { url, colony, signer } = settings.broker;
  try {
    const signed = await signer.signSpec(stripeSpec(colony, event, body, new Date()));
    const { process_id, existed, redriven } = await submit(url, signed, SUBMIT_MS_MAX);
    log("info", { outcome: "submitted", event: event.id, type: event.type, process_id, existed });
    return Response.json({ outcome: "submitted", event: event.id, process_id, existed, redriven });
  } catch (error) {
    const reason = error instanceof SubmitError ? error.reason : "INVALID";
    log("warn", { outcome: "not submitted", event: event.id, type: event.type, reason, message: words(error) });
    return undefined;
  }
}

async function handled(event: StripeEvent, handle: Handle, variables: Variables): Promise<Response> {
  try {
    await within(HANDLE_MS_MAX, handle(event, eventKey(event), variables));
  } catch (error) {
    log("error", { outcome: "not handled", event: event.id, type: event.type, message: words(error) });
    throw notStored();
  }
  log("info", { outcome: "handled", event: event.id, type: event.type });
  return Response.json({ outcome: "handled", event: event.id });
}

async function readSettings(variables: Variables): Promise<Settings> {
  const mode = readMode(variables);
  const secrets = await setting("STRIPE_WEBHOOK_SECRET", variables, signingSecrets);
  if (mode === "off") return { mode, secrets };
  const url = await setting("APIARY_BROKER", variables, brokerUrl);
  const colony = await setting("APIARY_COLONY", variables, (text) => text);
  const signer = await setting("APIARY_KEY", variables, signerOf);
  return { mode, secrets, broker: { url, colony, signer } };
}

/** Reads the mode. Whoever still has the switch `USE_COLONY_OS` keeps what it meant: `true` asks the broker first. */
function readMode(variables: Variables): Mode {
  const mode = variables("WEBHOOK_MODE")?.trim();
  if (mode === "direct" || mode === "retry" || mode === "off") return mode;
  if (mode) throw new SettingError("WEBHOOK_MODE is `direct`, `retry` or `off`");
  const old = variables("USE_COLONY_OS")?.trim().toLowerCase();
  if (!old) return "retry";
  if (old === "true" || old === "1") return "direct";
  if (old === "false" || old === "0") return "off";
  throw new SettingError("USE_COLONY_OS is `true` or `false`; WEBHOOK_MODE replaces it");
}

async function setting<T>(name: string, variables: Variables, read: (text: string) => T | Promise<T>): Promise<T> {
  const text = variables(name)?.trim();
  if (!text) throw new SettingError(`${name} is not set`);
  try {
    return await read(text);
  } catch (error) {
    throw new SettingError(`${name}: ${words(error)}`);
  }
}

/** The last key that was read: importing one takes longer than signing with it. */
let known: { pem: string; signer: Signer } | undefined;

async function signerOf(pem: string): Promise<Signer> {
  if (known?.pem !== pem) known = { pem, signer: await Signer.fromPem(pem) };
  return known.signer;
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`it took more than ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

function notStored(): Refusal {
  return new Refusal(503, "UNAVAILABLE", "the event could not be stored: send it again later");
}

function refuse({ status, reason, message }: Refusal): Response {
  const error = { reason, message, retryable: status >= 500 };
  const headers: Record<string, string> = {};
  if (status === 503) headers["retry-after"] = RETRY_AFTER_S;
  if (status === 405) headers.allow = "POST";
  return Response.json({ error }, { status, headers });
}

function words(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, LOGGED_CHARS_MAX);
}

/** Writes a line of JSON: identifiers and outcomes, never a body, a header or a key. */
function log(level: "info" | "warn" | "error", fields: Record<string, unknown>): void {
  console[level](JSON.stringify({ level, ...fields }));
}
