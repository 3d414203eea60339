// Deliveries as Stripe makes them, and the variables of a function.

import { createHmac } from "node:crypto";
import type { Variables } from "../webhook.ts";

export const SECRET = "whsec_only_for_these_tests";

export interface Delivery {
  id: string;
  key: string;
  body: string;
}

/** Returns an event of its own kind for a test: a subscription that was made. */
export function delivery(id: string): Delivery {
  const object = { id: `sub_${id}`, object: "subscription", status: "active", metadata: { name: "Zoë 🐝" } };
  const type = "customer.subscription.created";
  const body = JSON.stringify(
    { id: `evt_${id}`, object: "event", type, livemode: false, data: { object } },
    undefined,
    2,
  );
  return { id: `evt_${id}`, key: `stripe:test::evt_${id}`, body };
}

/** Returns the headers that Stripe sends with a body now. */
export function headers(body: string, secret = SECRET): Record<string, string> {
  const seconds = Math.floor(Date.now() / 1000);
  const mac = createHmac("sha256", secret).update(`${seconds}.${body}`).digest("hex");
  return { "content-type": "application/json; charset=utf-8", "stripe-signature": `t=${seconds},v1=${mac}` };
}

export function request({ body }: Delivery): Request {
  return new Request("https://shop.example/webhooks/stripe", { method: "POST", headers: headers(body), body });
}

export function variables(values: Record<string, string | undefined>): Variables {
  return (name) => values[name];
}
