// A Netlify Function for Stripe's webhooks. Copy the files to `netlify/functions/stripe-webhook`, this as `index.ts`.

import { handle } from "./handle.ts";
import { receiver } from "./webhook.ts";

declare const process: { env: Record<string, string | undefined> };

export default receiver((name) => process.env[name], handle);

export const config = { path: "/webhooks/stripe" };
