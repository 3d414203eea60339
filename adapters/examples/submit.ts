// Submits a signed spec over plain HTTP: `POST /v1/processes`. The spec is its own authentication, so no other secret
// travels, and any runtime with `fetch` can do it.

import type { SignedSpec } from "./signer.ts";

/** Longest wait for the broker, in milliseconds, from the first byte out to the last one in. */
export const SUBMIT_MS_MAX = 5000;
const ANSWER_BYTES_MAX = 64 * 1024;
const MESSAGE_CHARS_MAX = 300;

/** The broker's word that the process is stored durably. */
export interface Submitted {
  process_id: string;
  /** True if it was there already: an earlier delivery brought it. */
  existed: boolean;
  redriven: boolean;
}

/** The broker did not say that it has the process. It may have it all the same, if only its answer was lost. */
export class SubmitError extends Error {
  /** A reason of `docs/errors.md`, `TIMEOUT`, or `UNAVAILABLE`. */
  readonly reason: string;

  constructor(reason: string, message: string) {
    super(message);
    this.name = "SubmitError";
    this.reason = reason;
  }
}

/** Submits a signed spec. The process is stored durably once this returns; submitting it again changes nothing. */
export async function submit(broker: string, signed: SignedSpec, timeoutMs = SUBMIT_MS_MAX): Promise<Submitted> {
  const url = `${brokerUrl(broker)}/v1/processes`;
  try {
    const answer = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: signed.envelope,
      // Another address than the one that was set is not the broker.
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    return read(answer.status, await bytesOf(answer.body, ANSWER_BYTES_MAX), signed.process_id);
  } catch (error) {
    if (error instanceof SubmitError) throw error;
    if (error instanceof DOMException && error.name === "TimeoutError") {
      throw new SubmitError("TIMEOUT", `the broker did not answer within ${timeoutMs} ms`);
    }
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause.message : String(error);
    throw new SubmitError("UNAVAILABLE", `the broker cannot be reached: ${cause.slice(0, MESSAGE_CHARS_MAX)}`);
  }
}

/** Checks a broker's address, and returns it without a slash at its end. Events hold personal data: they need TLS. */
export function brokerUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const here = ["127.0.0.1", "[::1]", "localhost", "host.docker.internal"].includes(url?.hostname ?? "");
  const sound = url && (url.protocol === "https:" || (url.protocol === "http:" && here));
  if (!sound || url.username || url.password || url.search || url.hash) {
    throw new TypeError("the broker's address is `https://` and a host; `http://` is for a broker on this machine");
  }
  return url.href.replace(/\/+$/, "");
}

/** Reads a body of bounded size; `undefined` if it has more bytes. */
export async function bytesOf(body: ReadableStream<Uint8Array> | null, bytesMax: number) {
  const blocks: Uint8Array[] = [];
  let length = 0;
  const reader = body?.getReader();
  for (let next = await reader?.read(); next && !next.done; next = await reader!.read()) {
    length += next.value.length;
    if (length > bytesMax) {
      await reader!.cancel();
      return undefined;
    }
    blocks.push(next.value);
  }
  const whole = new Uint8Array(length);
  let at = 0;
  for (const block of blocks) {
    whole.set(block, at);
    at += block.length;
  }
  return whole;
}

/** Believes an answer only if it is a broker's, about this process: a proxy's page with status 200 stored nothing. */
function read(status: number, bytes: Uint8Array | undefined, processId: string): Submitted {
  const answer = parse(bytes);
  const { process_id, existed, redriven } = answer ?? {};
  const isAbout = existed === true ? typeof process_id === "string" : existed === false && process_id === processId;
  if (isAbout && (status === 200 || status === 201)) {
    return { process_id: String(process_id), existed: existed === true, redriven: redriven === true };
  }
  const error = (answer?.error ?? {}) as { reason?: unknown; message?: unknown };
  if (typeof error.reason === "string" && typeof error.message === "string") {
    throw new SubmitError(error.reason, error.message.slice(0, MESSAGE_CHARS_MAX));
  }
  throw new SubmitError("UNAVAILABLE", `status ${status} is no broker's answer: check its address and proxies`);
}

function parse(bytes: Uint8Array | undefined): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes ?? new Uint8Array()));
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
