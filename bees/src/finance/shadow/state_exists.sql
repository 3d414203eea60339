-- Returns true if there is the table of shadow mode's state.
select to_regclass('apiary.shadow') is not null
