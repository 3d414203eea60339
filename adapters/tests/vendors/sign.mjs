// Signs a request for each source of webhooks with its vendor's own library, found in the folder of the first argument.
// Reads the secrets as JSON from standard input, and prints the requests as JSON.
import { createPrivateKey, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
const require = createRequire(`${folder}/package.json`);
const load = async (name) => import(pathToFileURL(require.resolve(name)).href);

const { default: Stripe } = await load("stripe");
const octokit = await import(pathToFileURL(`${folder}/node_modules/@octokit/webhooks-methods/dist-node/index.js`).href);
const { Webhook: Standard } = await load("standardwebhooks");
const { Webhook: Svix } = await load("svix");

const secrets = JSON.parse(readFileSync(0, "utf8"));
const now = new Date();
const seconds = Math.floor(now.getTime() / 1000);

const stripe = JSON.stringify({ id: "evt_vendor", object: "event", type: "invoice.paid", livemode: true, data: { object: {} } });
const github = JSON.stringify({ action: "opened", issue: { title: "Żółć 🐝" } });
const event = JSON.stringify({ type: "contact.created", timestamp: now.toISOString(), data: { name: "Łódź" } });

const headersOf = (prefix, id, signature) =>
  ({ [`${prefix}-id`]: id, [`${prefix}-timestamp`]: String(seconds), [`${prefix}-signature`]: signature });

// No library signs `v1a`: by the specification, over the same text, with Node's own Ed25519.
const key = createPrivateKey({ key: Buffer.from(secrets.ed25519, "base64"), format: "der", type: "pkcs8" });
const asymmetric = sign(null, Buffer.from(`msg_asymmetric.${seconds}.${event}`), key).toString("base64");

const api = new Stripe("sk_test_of_no_account");
process.stdout.write(JSON.stringify([
  {
    path: "/webhooks/stripe",
    headers: { "stripe-signature": api.webhooks.generateTestHeaderString({ payload: stripe, secret: secrets.stripe }) },
    body: stripe,
  },
  {
    path: "/webhooks/github",
    headers: {
      "x-hub-signature-256": await octokit.sign(secrets.github, github),
      "x-github-event": "issues",
      "x-github-delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
    },
    body: github,
  },
  {
    path: "/webhooks/standard",
    headers: headersOf("webhook", "msg_standard", new Standard(secrets.standard).sign("msg_standard", now, event)),
    body: event,
  },
  {
    path: "/webhooks/standard",
    headers: headersOf("svix", "msg_svix", new Svix(secrets.standard).sign("msg_svix", now, event)),
    body: event,
  },
  {
    path: "/webhooks/standard",
    headers: headersOf("webhook", "msg_asymmetric", `v1a,${asymmetric}`),
    body: event,
  },
]));
