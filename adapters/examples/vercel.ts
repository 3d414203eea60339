// A Vercel Function for Stripe's webhooks, on the Node runtime: `api/stripe`, or a route of Next.js.

import { handle } from "./handle.ts";
import { receiver } from "./webhook.ts";

declare const process: { env: Record<string, string | undefined> };

export const POST = receiver((name) => process.env[name], handle);
