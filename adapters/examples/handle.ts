// Your own handler, for modes `direct` and `off`. This one stores the event once, in a table of your Supabase project;
// put your old handler here if you have one. Two rules: return only when it is durable, and let a key that is there
// change nothing.

import type { StripeEvent } from "./stripe.ts";
import type { Variables } from "./webhook.ts";

const TABLE = "webhook_events";
const INSERT_MS_MAX = 10_000;

export async function handle(event: StripeEvent, key: string, variables: Variables): Promise<void> {
  const [url, secret] = [variables("SUPABASE_URL"), variables("SUPABASE_SERVICE_ROLE_KEY")];
  if (!url || !secret) throw new Error("SUPABASE_URL and SUPABASE_SERVICE_ROLE_KEY are not both set");
  const headers: Record<string, string> = {
    apikey: secret,
    "content-type": "application/json",
    // The primary key decides: whoever comes second changes nothing, and is told that all is well.
    prefer: "resolution=ignore-duplicates,return=minimal",
  };
  // Keys of the older kind are tokens, and wanted here, too.
  if (!secret.startsWith("sb_")) headers.authorization = `Bearer ${secret}`;
  const answer = await fetch(`${url.replace(/\/+$/, "")}/rest/v1/${TABLE}?on_conflict=key`, {
    method: "POST",
    headers,
    // As text: `json` refuses some that nobody expects in an event, such as an escaped NUL in metadata.
    body: JSON.stringify({ key, event: JSON.stringify(event) }),
    signal: AbortSignal.timeout(INSERT_MS_MAX),
  });
  await answer.body?.cancel();
  if (answer.status !== 201 && answer.status !== 200) throw new Error(`Supabase answered ${answer.status}`);
}
