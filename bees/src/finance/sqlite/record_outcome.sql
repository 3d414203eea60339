-- Notes what the event did. ?2: the word.
update stripe_events
set outcome = ?2
where livemode = ?1 ->> '$.event.livemode' and id = ?1 ->> '$.event.id'
