// Specs and their signatures, byte for byte as the crate `identity` makes them. Web Crypto is all that it needs: it
// runs in Node 20, Deno, and edge runtimes. docs/protocol.md says what every field means.

export const SPEC_TYPE = "application/vnd.apiary.spec.v1+json";

const CONTENT_BYTES_MAX = 1024 * 1024;
const DOCUMENT_BYTES_MAX = 2 * 1024 * 1024;
const JSON_DEPTH_MAX = 100;
const VALUE_BYTES_MAX = 1024;
const LIMIT_KEY_BYTES_MAX = 256;
const ENTRIES_MAX = 64;
const GPUS_MAX = 65_536;
const PRIORITY_MAX = 50_000;
const RETRIES_MAX = 1_000_000;
const DAY_MS = 24 * 3600 * 1000;
const SUBMIT_BY_DAYS_MAX = 30;
const DURATION_MS_MAX = 10 * 366 * DAY_MS;

const NAME = /^[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}$/;
const IDENTITY = /^ed25519:[A-Za-z0-9_-]{43}$/;
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** A process as its submitter wants it. The names are those of the document; what is left out has its default. */
export interface Spec {
  colony: string;
  /** UUID of version 7, by `newProcessId`; its time is the time of the spec's making. */
  process_id: string;
  /** Deadline for submission, at most 30 days after the making. */
  submit_by: Date;
  function: string;
  executor_type: string;
  executor_names?: string[];
  /** The arguments, kept byte for byte: JSON inline, anything else as base64. */
  args?: Uint8Array;
  priority?: number;
  requires?: Requirements;
  concurrency_key?: string;
  rate_key?: string;
  labels?: Record<string, string>;
  env?: Record<string, string>;
  max_wait_ms?: number;
  max_exec_ms?: number;
  max_retries?: number;
  backoff?: Partial<Backoff>;
  not_before?: Date;
  parents?: string[];
  idempotency_key?: string;
  idempotency_retention_ms?: number;
  on_failed?: "keep" | "redrive";
  traceparent?: string;
}

/** Requirements on the executor. */
export interface Requirements {
  /** Cores, "4" or "0.5", or millicores, "500m". */
  cpu?: string;
  /** Bytes, "1000", or with a unit, "10Gi" or "1.5GB". */
  memory?: string;
  gpus?: number;
  gpu_memory?: string;
  location?: string;
  tags?: string[];
}

/** Pauses between attempts. */
export interface Backoff {
  first_ms: number;
  factor: number;
  most_ms: number;
  jitter: number;
}

/** A signed spec: its id, and the envelope in DSSE's JSON form, which the broker takes as it is. */
export interface SignedSpec {
  process_id: string;
  envelope: string;
}

/** A field that no reader would accept. */
export class SpecError extends Error {
  constructor(field: string, problem: string) {
    super(`\`${field}\` ${problem}`);
    this.name = "SpecError";
  }
}

/** A key that cannot be used. The message never quotes it. */
export class KeyError extends Error {
  constructor(problem: string) {
    super(`the secret key ${problem}`);
    this.name = "KeyError";
  }
}

/** An Ed25519 key that signs specs. */
export class Signer {
  /** The identity: `ed25519:` and the public key. */
  readonly id: string;
  readonly #key: CryptoKey;

  private constructor(id: string, key: CryptoKey) {
    this.id = id;
    this.#key = key;
  }

  /** Reads an unencrypted PKCS#8 PEM. Its line ends may be spaces or `\n`, as forms for variables leave them. */
  static async fromPem(pem: string): Promise<Signer> {
    const der = pkcs8(pem);
    try {
      // Exportable once, because Web Crypto gives a public key no other way; the key that stays is not.
      const whole = await crypto.subtle.importKey("pkcs8", der, "Ed25519", true, ["sign"]);
      const { x } = await crypto.subtle.exportKey("jwk", whole);
      const key = await crypto.subtle.importKey("pkcs8", der, "Ed25519", false, ["sign"]);
      return new Signer(`ed25519:${x}`, key);
    } catch {
      throw new KeyError("cannot be imported: this runtime needs Ed25519 in Web Crypto (Node 20 or newer, Deno)");
    }
  }

  /** Checks a spec, prints it once, and signs those bytes. */
  async signSpec(spec: Spec): Promise<SignedSpec> {
    return { process_id: spec.process_id, envelope: await this.seal(SPEC_TYPE, specToJson(spec)) };
  }

  /** Signs a document, and returns its envelope as JSON. */
  async seal(payloadType: string, payload: Uint8Array): Promise<string> {
    const signature = await crypto.subtle.sign("Ed25519", this.#key, encoding(payloadType, payload));
    const sig = toBase64(new Uint8Array(signature));
    return JSON.stringify({ payloadType, payload: toBase64(payload), signatures: [{ keyid: this.id, sig }] });
  }
}

/** Returns DSSE's pre-authentication encoding, the bytes that are signed. */
export function encoding(payloadType: string, payload: Uint8Array): Uint8Array<ArrayBuffer> {
  const type = bytesOf(payloadType);
  const head = bytesOf(`DSSEv1 ${type.length} ${payloadType} ${payload.length} `);
  const whole = new Uint8Array(head.length + payload.length);
  whole.set(head);
  whole.set(payload, head.length);
  return whole;
}

/** Returns an envelope's digest: it names the document, whatever it was signed with. */
export async function digest(payloadType: string, payload: Uint8Array): Promise<string> {
  const signed = encoding(payloadType, payload);
  const leaf = new Uint8Array(signed.length + 1);
  leaf.set(signed, 1);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", leaf));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Returns a new process id: a UUID of version 7, made at this time. */
export function newProcessId(now: Date): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  let ms = now.getTime();
  for (let index = 5; index >= 0; index -= 1) {
    bytes[index] = ms % 256;
    ms = Math.floor(ms / 256);
  }
  bytes[6] = (bytes[6]! & 0x0f) | 0x70;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Checks a spec and prints it as the Rust code does: fields in one order, defaults left out, names sorted. */
export function specToJson(spec: Spec): Uint8Array {
  const content = contentOf(spec.args ?? new Uint8Array());
  const made = madeAt(spec.process_id);
  const json = object([
    ["colony", string("colony", spec.colony, IDENTITY, "is an identity, `ed25519:` and 43 characters")],
    ["process_id", JSON.stringify(spec.process_id)],
    ["submit_by", submitBy(spec.submit_by, made)],
    ["function", name("function", spec.function)],
    ["executor_type", name("executor_type", spec.executor_type)],
    ["executor_names", list("executor_names", spec.executor_names, name)],
    ["args", content.json],
    ["args_base64", content.base64],
    ["priority", unless(0, integer("priority", spec.priority ?? 0, -PRIORITY_MAX, PRIORITY_MAX))],
    ["requires", requirements(spec.requires)],
    ["concurrency_key", limitKey("concurrency_key", spec.concurrency_key)],
    ["rate_key", limitKey("rate_key", spec.rate_key)],
    ["labels", map("labels", spec.labels)],
    ["env", map("env", spec.env)],
    ["max_wait_ms", unless(0, duration("max_wait_ms", spec.max_wait_ms ?? 0))],
    ["max_exec_ms", unless(0, duration("max_exec_ms", spec.max_exec_ms ?? 0))],
    ["max_retries", integer("max_retries", spec.max_retries ?? 3, -1, RETRIES_MAX)],
    ["backoff", backoff(spec.backoff)],
    ["not_before", spec.not_before && time("not_before", spec.not_before)],
    ["parents", parents(spec.parents, spec.process_id)],
    ["idempotency_key", filled("idempotency_key", spec.idempotency_key)],
    ["idempotency_retention_ms", duration("idempotency_retention_ms", spec.idempotency_retention_ms ?? 30 * DAY_MS)],
    ["on_failed", onFailed(spec)],
    ["traceparent", filled("traceparent", spec.traceparent)],
  ]);
  const bytes = bytesOf(json);
  if (bytes.length > DOCUMENT_BYTES_MAX) {
    throw new SpecError("spec", `has ${bytes.length} bytes, the most is ${DOCUMENT_BYTES_MAX}`);
  }
  return bytes;
}

function pkcs8(pem: string): Uint8Array<ArrayBuffer> {
  const text = pem.replaceAll("\\n", "\n");
  if (text.includes("ENCRYPTED")) {
    throw new KeyError("is encrypted: a function has nobody to ask for a passphrase; give it one that is not");
  }
  const found = /-----BEGIN PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END PRIVATE KEY-----/.exec(text);
  if (!found) {
    throw new KeyError("is not a PKCS#8 PEM, `-----BEGIN PRIVATE KEY-----` and its lines: `apiary key new` writes one");
  }
  const der = fromBase64(found[1]!.replaceAll(/\s/g, ""));
  // RFC 8410: the same bytes stand before every Ed25519 seed, but for the version and the length of what follows.
  const algorithm = "06032b657004220420";
  const hex = Array.from(der.slice(5, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (der.length < 48 || !hex.endsWith(algorithm)) {
    throw new KeyError("is of another kind: it must be Ed25519");
  }
  // Rebuilt without a public half, which not every runtime reads.
  return Uint8Array.of(0x30, 0x2e, 2, 1, 0, ...der.slice(5, 48));
}

function contentOf(bytes: Uint8Array): { json?: string; base64?: string } {
  if (bytes.length > CONTENT_BYTES_MAX) {
    throw new SpecError("args", `has ${bytes.length} bytes, the most is ${CONTENT_BYTES_MAX}: send where they are`);
  }
  if (bytes.length === 0) return {};
  const json = inlineJson(bytes);
  return json === undefined ? { base64: JSON.stringify(toBase64(bytes)) } : { json };
}

/** Returns JSON that a document keeps byte for byte: white space around it would be lost. */
function inlineJson(bytes: Uint8Array): string | undefined {
  if (depth(bytes) > JSON_DEPTH_MAX) return undefined;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    JSON.parse(text);
    return /^[ \t\r\n]|[ \t\r\n]$/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}

function depth(json: Uint8Array): number {
  let [deepest, level, inString, escaped] = [0, 0, false, false];
  for (const byte of json) {
    if (escaped) escaped = false;
    else if (byte === 0x5c && inString) escaped = true;
    else if (byte === 0x22) inString = !inString;
    else if ((byte === 0x5b || byte === 0x7b) && !inString) deepest = Math.max(deepest, (level += 1));
    else if ((byte === 0x5d || byte === 0x7d) && !inString) level = Math.max(0, level - 1);
  }
  return deepest;
}

function madeAt(id: string): number {
  if (typeof id !== "string" || !UUID_V7.test(id)) {
    throw new SpecError("process_id", "is a UUID of version 7, in lower case: `newProcessId` makes one");
  }
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

function submitBy(at: Date, made: number): string {
  const text = time("submit_by", at);
  if (at.getTime() < made || at.getTime() - made > SUBMIT_BY_DAYS_MAX * DAY_MS) {
    throw new SpecError("submit_by", "lies between the time in `process_id` and 30 days after it");
  }
  return text;
}

function time(field: string, at: Date): string {
  const ms = at instanceof Date ? at.getTime() : Number.NaN;
  if (!(ms >= 0 && ms < Date.UTC(10_000, 0))) throw new SpecError(field, "is a time from 1970 to 9999");
  return JSON.stringify(at.toISOString().replace(/\.?0*Z$/, "Z"));
}

function string(field: string, value: string, form: RegExp, problem: string): string {
  if (typeof value !== "string" || !form.test(value)) throw new SpecError(field, problem);
  return JSON.stringify(value);
}

function name(field: string, value: string): string {
  return string(field, value, NAME, "is 1 to 128 letters, digits and `. _ - / :`, starting with a letter or digit");
}

function text(field: string, value: string, bytesMax: number): string {
  if (typeof value !== "string" || value.includes("\0") || /\p{Surrogate}/u.test(value)) {
    throw new SpecError(field, "is text without NUL and without half a character");
  }
  if (bytesOf(value).length > bytesMax) throw new SpecError(field, `has more than ${bytesMax} bytes`);
  return JSON.stringify(value);
}

function filled(field: string, value: string | undefined, bytesMax = VALUE_BYTES_MAX): string | undefined {
  if (value === undefined) return undefined;
  if (value === "") throw new SpecError(field, "is empty: leave it out instead");
  return text(field, value, bytesMax);
}

function limitKey(field: string, value: string | undefined): string | undefined {
  if (value !== undefined && /[*\p{Cc}]/u.test(value)) {
    throw new SpecError(field, "holds `*`, which is for limits alone, or a control character: take another key");
  }
  return filled(field, value, LIMIT_KEY_BYTES_MAX);
}

function integer(field: string, value: number, least: number, most: number): string {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new SpecError(field, `is a whole number from ${least} to ${most}`);
  }
  return String(value + 0);
}

function duration(field: string, value: number): string {
  return integer(field, value, 0, DURATION_MS_MAX);
}

function backoff(given: Partial<Backoff> = {}): string {
  return object([
    ["first_ms", duration("backoff.first_ms", given.first_ms ?? 1000)],
    ["factor", float("backoff.factor", given.factor ?? 2, 1, 100)],
    ["most_ms", duration("backoff.most_ms", given.most_ms ?? 3_600_000)],
    ["jitter", float("backoff.jitter", given.jitter ?? 0.2, 0, 1)],
  ]);
}

/** Prints a float as Rust does: with a point if it is whole, with an exponent below a hundred thousandth. */
function float(field: string, value: number, least: number, most: number): string {
  if (!(typeof value === "number" && value >= least && value <= most)) {
    throw new SpecError(field, `is a number from ${least} to ${most}`);
  }
  if (Number.isInteger(value)) return `${value + 0}.0`;
  return value < 1e-5 ? value.toExponential() : String(value);
}

function requirements(given: Requirements = {}): string | undefined {
  if (given.gpu_memory !== undefined && given.gpus === undefined) {
    throw new SpecError("requires.gpu_memory", "is of each GPU: say how many, in `gpus`");
  }
  const json = object([
    ["cpu", amount("requires.cpu", given.cpu, CPU_UNITS)],
    ["memory", amount("requires.memory", given.memory, MEMORY_UNITS)],
    ["gpus", given.gpus === undefined ? undefined : integer("requires.gpus", given.gpus, 0, GPUS_MAX)],
    ["gpu_memory", amount("requires.gpu_memory", given.gpu_memory, MEMORY_UNITS)],
    ["location", given.location === undefined ? undefined : name("requires.location", given.location)],
    ["tags", list("requires.tags", given.tags && [...new Set(given.tags)].sort(), name)],
  ]);
  return json === "{}" ? undefined : json;
}

const CPU_UNITS: [string, bigint][] = [
  ["m", 1n],
  ["", 1000n],
];
const MEMORY_UNITS: [string, bigint][] = [
  ["", 1n],
  ...["k", "M", "G", "T", "P"].map((unit, index): [string, bigint] => [unit, 1000n ** BigInt(index + 1)]),
  ...["Ki", "Mi", "Gi", "Ti", "Pi"].map((unit, index): [string, bigint] => [unit, 1024n ** BigInt(index + 1)]),
];

/** Prints an amount in the spelling of the Rust code: millicores, or the shortest exact number of a unit of memory. */
function amount(field: string, value: string | undefined, units: [string, bigint][]): string | undefined {
  if (value === undefined) return undefined;
  const parts = typeof value === "string" && value.length <= 32 ? /^(\d+)(?:\.(\d+))?([A-Za-z]*)$/.exec(value) : null;
  const spelled = units === CPU_UNITS ? parts?.[3] : parts?.[3]?.replace(/B$/, "").replace(/^K$/, "k");
  const unit = units.find(([unit]) => unit === spelled);
  const scale = 10n ** BigInt(parts?.[2]?.length ?? 0);
  const total = parts && unit ? BigInt(parts[1]! + (parts[2] ?? "")) * unit[1] : 0n;
  if (total <= 0n || total % scale !== 0n || total / scale >= 2n ** 63n) {
    throw new SpecError(field, 'is a whole amount above zero, such as "500m" of cpu or "10Gi" of memory');
  }
  const least = total / scale;
  if (units === CPU_UNITS) return JSON.stringify(`${least}m`);
  const exact = units.filter(([, size]) => least % size === 0n).map(([unit, size]) => `${least / size}${unit}`);
  return JSON.stringify(exact.reduce((best, next) => (next.length < best.length ? next : best)));
}

function onFailed(spec: Spec): string | undefined {
  const reaction = spec.on_failed ?? "keep";
  if (reaction !== "keep" && reaction !== "redrive") throw new SpecError("on_failed", "is `keep` or `redrive`");
  if (reaction === "redrive" && spec.idempotency_key === undefined) {
    throw new SpecError("on_failed", "is `redrive` without an `idempotency_key`, by which the process is found");
  }
  return unless("keep", reaction) && JSON.stringify(reaction);
}

function parents(given: string[] | undefined, processId: string): string | undefined {
  if (given?.includes(processId)) throw new SpecError("parents", "lists the process itself, which would never start");
  const form = (field: string, id: string) => string(field, id, UUID, "lists UUIDs in lower case");
  if (new Set(given).size !== (given?.length ?? 0)) throw new SpecError("parents", "lists a process twice");
  return list("parents", given && [...given].sort(), form);
}

function list(field: string, values: string[] | undefined, print: (field: string, value: string) => string) {
  if (values === undefined || values.length === 0) return undefined;
  if (values.length > ENTRIES_MAX) throw new SpecError(field, `lists ${values.length}, the most is ${ENTRIES_MAX}`);
  return `[${values.map((value) => print(field, value)).join(",")}]`;
}

function map(field: string, values: Record<string, string> | undefined): string | undefined {
  const entries = Object.entries(values ?? {}).sort(([left], [right]) => (left < right ? -1 : 1));
  if (entries.length === 0) return undefined;
  if (entries.length > ENTRIES_MAX) throw new SpecError(field, `has ${entries.length}, the most is ${ENTRIES_MAX}`);
  // Printed by hand: a JavaScript object would put keys that look like numbers first.
  return `{${entries.map(([key, value]) => `${name(field, key)}:${text(field, value, VALUE_BYTES_MAX)}`).join(",")}}`;
}

function object(fields: [string, string | undefined][]): string {
  const present = fields.filter(([, json]) => json !== undefined);
  return `{${present.map(([field, json]) => `${JSON.stringify(field)}:${json}`).join(",")}}`;
}

function unless(usual: string | number, value: string): string | undefined {
  return value === String(usual) ? undefined : value;
}

function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function toBase64(bytes: Uint8Array): string {
  let binary = "";
  // In parts: a call takes only so many arguments.
  for (let at = 0; at < bytes.length; at += 0x8000) binary += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(binary);
}

function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  } catch {
    throw new KeyError("is not base64 between its first and last line");
  }
}
