#!/usr/bin/env bash
# Applies the migrations beside this script to the database of DATABASE_URL, in order, each in one transaction. Can be run
# again. Needs psql.
#
#   DATABASE_URL=postgres://… deploy/supabase/apply.sh
set -euo pipefail

: "${DATABASE_URL:?set it to the connection string of the project, session pooler or direct}"
command -v psql >/dev/null || { echo "psql is not installed: install the client of Postgres" >&2; exit 1; }

# Other users of the machine see the arguments of a program, so the password goes by the environment.
url=$DATABASE_URL
if [[ $url =~ ^(postgres(ql)?://[^:@/]+):([^@/]*)@(.*)$ ]]; then
  url="${BASH_REMATCH[1]}@${BASH_REMATCH[4]}"
  password=${BASH_REMATCH[3]}
  PGPASSWORD=$(printf '%b' "${password//%/\\x}")
  export PGPASSWORD
fi
unset DATABASE_URL

for file in "$(dirname "${BASH_SOURCE[0]}")"/migrations/*.sql; do
  echo "applying $(basename "$file")"
  psql "$url" --no-psqlrc --quiet --set ON_ERROR_STOP=1 --single-transaction --file "$file"
done
psql "$url" --no-psqlrc --quiet --tuples-only --command "select public.apply_stripe_events('[]')"
