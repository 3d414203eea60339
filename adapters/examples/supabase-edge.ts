// A Supabase Edge Function for Stripe's webhooks. Copy the files to `supabase/functions/stripe-webhook`, this one as
// `index.ts`, and deploy it without JWT verification: Stripe's own signature is checked instead.

import { handle } from "./handle.ts";
import { receiver } from "./webhook.ts";

declare const Deno: {
  env: { get(name: string): string | undefined };
  serve(handler: (request: Request) => Promise<Response>): unknown;
};

Deno.serve(receiver((name) => Deno.env.get(name), handle));
