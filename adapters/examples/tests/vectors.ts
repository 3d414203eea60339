// The vectors that are shared with the Rust code, and the keys that belong to them.

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Signer, type Spec } from "../signer.ts";

interface Sealed {
  name: string;
  seed_label: string;
  document: string;
  digest: string;
  envelope: string;
}

interface Vectors {
  specs: (Sealed & { spec: Record<string, unknown>; args_hex: string })[];
  refused: { field: string; spec: Record<string, unknown> }[];
  events: (Sealed & { body: string; now: string; colony: string; process_id: string; key: string })[];
  signatures: { header: string; secret_labels: string[]; body: string; now: string; reason: string | null }[];
}

const folder = process.env.APIARY_EXAMPLES ?? join(import.meta.dirname, "..");

export const vectors = JSON.parse(readFileSync(join(folder, "vectors.json"), "utf8")) as Vectors;

export function seed(label: string): Buffer {
  return createHash("sha256").update(label).digest();
}

export function secret(label: string): string {
  return `whsec_${seed(label).toString("hex")}`;
}

/** Returns the PKCS#8 PEM of the key of a label, with these lines' end. */
export function pem(label: string, end = "\n"): string {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed(label)]);
  return ["-----BEGIN PRIVATE KEY-----", der.toString("base64"), "-----END PRIVATE KEY-----", ""].join(end);
}

export async function signer(label: string): Promise<Signer> {
  return Signer.fromPem(pem(label));
}

/** Reads a spec from a vector: its times are texts there. */
export function specOf(fields: Record<string, unknown>, argsHex = ""): Spec {
  const spec: Record<string, unknown> = { ...fields, args: Uint8Array.from(Buffer.from(argsHex, "hex")) };
  for (const field of ["submit_by", "not_before"]) {
    if (field in spec) spec[field] = new Date(String(spec[field]));
  }
  return spec as unknown as Spec;
}
