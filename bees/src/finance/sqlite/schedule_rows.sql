-- Schedules by id, with all columns. ?1: the account. ?2: livemode. ?3: the ids, as a JSON list.
select *
from stripe_schedules
where account = ?1 and livemode = ?2 and id in (select value from json_each(?3))
order by id
