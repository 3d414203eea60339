// The handler that the webhook adapter is compared with, as tutorials have it: Express checks the signature with Stripe's library, inserts
// the event, and answers. The first argument is the folder of its packages. Prints its port.
import { createRequire } from "node:module";

const require = createRequire(`${process.argv[2]}/package.json`);
const express = require("express");
const { Pool } = require("pg");
const Stripe = require("stripe");

const { DATABASE_URL, STRIPE_WEBHOOK_SECRET } = process.env;
const stripe = new Stripe("sk_test_of_no_account");
// As many connections as the benchmark posts on, so that nobody waits for one.
const pool = new Pool({ connectionString: DATABASE_URL, max: 16 });
await pool.query("create table if not exists events (id text primary key, type text not null, payload jsonb not null)");

const app = express();
app.post("/webhooks/stripe", express.raw({ type: "application/json" }), async (request, response) => {
  let event;
  try {
    event = stripe.webhooks.constructEvent(request.body, request.headers["stripe-signature"], STRIPE_WEBHOOK_SECRET);
  } catch {
    return response.status(400).send("the signature is wrong");
  }
  const insert = "insert into events (id, type, payload) values ($1, $2, $3) on conflict (id) do nothing";
  await pool.query(insert, [event.id, event.type, event]);
  response.json({ received: true });
});
const server = app.listen(0, "127.0.0.1", () => console.log(server.address().port));
