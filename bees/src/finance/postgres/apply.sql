-- Takes in one event. $1: the change, as JSON text. Returns {"outcome": …} as JSON text.
-- Atomic: the function runs in this statement's transaction. Its races are told where it is defined.
select public.apply_stripe_event($1)::text
