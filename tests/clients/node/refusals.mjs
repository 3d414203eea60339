// Makes the calls that the test names on standard input, one JSON object a line, and tells how each was refused, as connect-node
// reads it. The schema comes as a file, compiled.

import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

// The packages lie where the test says, and not beside this file.
const [address, packages, schema] = process.argv.slice(2);
const { resolve } = createRequire(`${packages}/`);
const load = (name) => import(pathToFileURL(resolve(name)).href);
const { Code, ConnectError } = await load("@connectrpc/connect");
const { createGrpcTransport } = await load("@connectrpc/connect-node");
const { createFileRegistry, fromBinary } = await load("@bufbuild/protobuf");
const { BinaryReader } = await load("@bufbuild/protobuf/wire");
const { FileDescriptorSetSchema } = await load("@bufbuild/protobuf/wkt");

const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(schema)));
const transport = createGrpcTransport({ baseUrl: `http://${address}` });

async function refusal(call) {
  const [, service, name] = call.method.split("/");
  const method = registry.getService(service).methods.find((method) => method.name === name);
  const message = fromBinary(method.input, Buffer.from(call.message, "base64"));
  const headers = call.request ? { "apiary-request-bin": call.request } : {};
  try {
    await transport.unary(method, undefined, call.timeout_ms ?? 10_000, headers, message);
  } catch (error) {
    return told(ConnectError.from(error));
  }
  return { code: "OK" };
}

function told(error) {
  const answer = { code: Code[error.code], message: error.rawMessage };
  for (const { type, value } of error.details) {
    const fields = read(value);
    if (type === "google.rpc.ErrorInfo") {
      const [key, flag] = Object.values(read(fields[3]));
      Object.assign(answer, { reason: text(fields[1]), domain: text(fields[2]), [text(key)]: text(flag) });
    } else if (type === "google.rpc.RetryInfo") {
      answer.retry_ms = Number(read(fields[1])[1]) * 1000;
    } else if (type === "google.rpc.BadRequest") {
      answer.field = text(read(fields[1])[1]);
    }
  }
  return answer;
}

// The fields of a small message, by number.
function read(bytes) {
  const reader = new BinaryReader(bytes);
  const fields = {};
  while (reader.pos < reader.len) {
    const [number, kind] = reader.tag();
    fields[number] = kind === 0 ? reader.int64() : reader.bytes();
  }
  return fields;
}

function text(bytes) {
  return new TextDecoder().decode(bytes);
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await refusal(JSON.parse(line))));
}
process.exit(0);
