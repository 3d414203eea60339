-- Takes in events. $1: their changes, as a JSON text. Returns a list of {"outcome": …} as JSON text.
-- Atomic: the function runs in this statement's transaction. Its races are told where it is defined.
select public.apply_stripe_events($1)::text
