#!/bin/bash
# The guide in deploy/README.md, steps 2 to 5 and 9, under a running systemd; then what its units promise. Arguments: the URL of an
# empty Postgres, and that of an empty one to restore into.
set -euo pipefail
database=$1 second=$2
export HOME=/root
cd /root

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*"; journalctl --no-pager --unit 'apiary-*' --lines 30; exit 1; }
# Waits until a command succeeds, at most so many seconds.
within() {
    local seconds=$1 start=$SECONDS
    shift
    until "$@"; do
        [ $((SECONDS - start)) -lt "$seconds" ] || return 1
        sleep 0.2
    done
}
property() { systemctl show "$1" --property "$2" --value; }
is_another_process() { local pid; pid=$(property "$1" MainPID); [ "$pid" != 0 ] && [ "$pid" != "$2" ]; }

say units, keys, grants
apiary install systemd broker webhook finance --yes
for key in colony server-owner operator; do apiary key new $key.pem; done
apiary key new /etc/apiary/webhook/credentials/apiary-key
apiary key new /etc/apiary/bee-finance/credentials/apiary-key
APIARY_COLONY=$(apiary key id colony.pem)
export APIARY_COLONY
apiary grant add --colony-key colony.pem --key "$(apiary key id /etc/apiary/webhook/credentials/apiary-key)" --role user \
    --name stripe-adapter --function stripe.event --executor-type finance --out webhook-grant.json
apiary grant add --colony-key colony.pem --key "$(apiary key id /etc/apiary/bee-finance/credentials/apiary-key)" --role executor \
    --name finance --function stripe.event --function finance.reconcile --executor-type finance --out finance-grant.json
apiary grant add --colony-key colony.pem --key "$(apiary key id operator.pem)" --role user --name operator --function '*' \
    --executor-type '*' --right read --right view_payloads --right cancel --right operate --right executors --out operator-grant.json

say secrets and settings
cd /etc/apiary
(
    umask 077
    printf %s "$database" > broker/credentials/apiary-broker-database-url
    printf whsec_%s "$(tr -d - < /proc/sys/kernel/random/uuid)" > webhook/credentials/apiary-webhook-stripe-secrets
    printf %s "$database" > bee-finance/credentials/apiary-finance-database-url
)
apiary install systemd broker webhook finance --yes
cat > broker/apiary.toml <<END
[broker]
listen = "127.0.0.1:7420"
server_owner = "$(apiary key id "$HOME/server-owner.pem")"
trusted_proxies = ["127.0.0.1"]
END
cat > webhook/apiary.toml <<END
colony = "$APIARY_COLONY"

[broker]
address = "http://127.0.0.1:7420"

[webhook]
listen = "127.0.0.1:7421"
trusted_proxies = ["127.0.0.1"]
END
cat > bee-finance/apiary.toml <<END
colony = "$APIARY_COLONY"

[broker]
address = "http://127.0.0.1:7420"

[finance]
migrate = true
END
cd /root

say start
systemctl daemon-reload
systemctl enable --now apiary-broker || fail "the broker does not start"
apiary doctor --only broker --wait 60s
apiary colony create shop --id "$APIARY_COLONY" --key-file server-owner.pem
for grant in webhook finance operator; do apiary grant add --from $grant-grant.json; done
systemctl enable --now apiary-webhook apiary-bee@finance || fail "adapter or bee does not start"
export APIARY_KEY_FILE=operator.pem
apiary doctor --wait 60s
journalctl --no-pager --unit 'apiary-*' --since -5min --lines 5

say an event, from the adapter to the record
STRIPE_WEBHOOK_SECRET=$(cat /etc/apiary/webhook/credentials/apiary-webhook-stripe-secrets)
export STRIPE_WEBHOOK_SECRET
apiary webhook send invoice.paid
succeeded() { apiary process list --state succeeded --output json | grep -q '"stripe.event"'; }
within 20 succeeded || fail "no event succeeded"
apiary process verify latest

say the other bees
apiary install systemd security archive --yes > /dev/null
for bee in security archive; do
    apiary key new /etc/apiary/bee-$bee/credentials/apiary-key
    cp /etc/apiary/bee-finance/apiary.toml /etc/apiary/bee-$bee/apiary.toml
    sed -i '/^.finance./,$d' /etc/apiary/bee-$bee/apiary.toml
done
printf '[archive]\nurl = "/var/lib/apiary-bee-archive/objects"\nafter = "1ms"\n' >> /etc/apiary/bee-archive/apiary.toml
grant_bee() {
    local bee=$1 flags=() word
    shift
    for word in "$@"; do flags+=("--${word%%=*}" "${word#*=}"); done
    apiary grant add --colony-key colony.pem --key "$(apiary key id /etc/apiary/bee-"$bee"/credentials/apiary-key)" --role executor \
        --name "$bee" --executor-type "$bee" "${flags[@]}" --out "$bee-grant.json"
    apiary grant add --from "$bee-grant.json"
}
grant_bee security function=analyze_security function=detect_anomaly function=respond_threat function=identity.hygiene right=read \
    right=read_events right=pause
grant_bee archive function=archive_data function=retention_enforce function=compliance_check function=restore function=erase \
    right=read right=archive
systemctl daemon-reload
systemctl enable --now apiary-bee@security apiary-bee@archive || fail "security or archive bee does not start"
ask() { apiary process submit --type "$1" --function "$2" --args "$3" --wait --output json; }
for function in analyze_security detect_anomaly identity.hygiene; do
    ask security $function '{}' > answer.json || { cat answer.json; fail "$function"; }
done
processed=$(apiary process list --state succeeded --output json | grep --only-matching --extended-regexp '[0-9a-f]{8}-[0-9a-f-]{27}' | tail -1)
ask archive archive_data '{}' | tee answer.json
grep -q recorded answer.json || fail "nothing was archived"
ask archive compliance_check '{}' > answer.json || { cat answer.json; fail "the archive does not hold"; }
ask archive restore "{\"process_id\": \"$processed\"}" > answer.json || { cat answer.json; fail "nothing was restored"; }

say each part has its account, its bounds and its place
for unit in apiary-broker apiary-webhook apiary-bee@finance apiary-bee@security apiary-bee@archive; do
    [ "$(property $unit DynamicUser)" = yes ] || fail "$unit runs under no account of its own"
    [ "$(property $unit Slice)" = apiary.slice ] || fail "$unit is not in the slice"
    user=$(ps --no-headers -o user:20 --pid "$(property $unit MainPID)")
    [ "$user" != root ] || fail "$unit runs as root"
    printf '%s: account %s, memory %s of %s bytes, processor weight %s, tasks %s of %s\n' "$unit" "$user" "$(property $unit MemoryCurrent)" \
        "$(property $unit MemoryMax)" "$(property $unit CPUWeight)" "$(property $unit TasksCurrent)" "$(property $unit TasksMax)"
done
[ "$(property apiary.slice CPUWeight)" -lt 100 ] || fail "the slice does not give way"

say killed, a part is started again
for unit in apiary-broker apiary-webhook apiary-bee@finance; do
    pid=$(property $unit MainPID)
    kill -KILL "$pid"
    within 30 is_another_process $unit "$pid" || fail "$unit was not started again"
done
apiary doctor --wait 60s > /dev/null

say hanging, a part is killed by its watchdog
pid=$(property apiary-broker MainPID)
start=$SECONDS
kill -STOP "$pid"
within 90 is_another_process apiary-broker "$pid" || fail "the watchdog did nothing"
printf 'another broker after %s s\n' $((SECONDS - start))
apiary doctor --wait 60s > /dev/null

say a wrong setting is told, and not tried again
cp /etc/apiary/webhook/apiary.toml right.toml
printf '[webhook]\nlisten = 7\n' > /etc/apiary/webhook/apiary.toml
if systemctl restart apiary-webhook; then fail "it started with a wrong setting"; fi
# The pause before a start, and some more.
sleep 7
[ "$(property apiary-webhook ActiveState)" = failed ] || fail "a wrong setting was tried again"
journalctl --no-pager --unit apiary-webhook --priority err | grep webhook.listen || fail "no line names the setting"
cp right.toml /etc/apiary/webhook/apiary.toml
systemctl restart apiary-webhook || fail "the right setting did not help"

say back up, stop, restore
APIARY_DATABASE_URL=$database apiary broker --backup broker.dump
for unit in apiary-bee@archive apiary-bee@security apiary-bee@finance apiary-webhook apiary-broker; do
    systemctl stop $unit
    [ "$(property $unit Result)" = success ] || fail "$unit did not stop well"
done
pg_restore --dbname "$second" --no-owner --no-privileges --exit-on-error broker.dump
printf %s "$second" > /etc/apiary/broker/credentials/apiary-broker-database-url
systemctl start apiary-broker apiary-webhook apiary-bee@finance || fail "it does not start on the restored database"
apiary doctor --wait 60s > /dev/null
apiary process verify latest

say warnings of the whole run
journalctl --no-pager --unit 'apiary-*' --priority warning
printf '\nthe guide holds under %s\n' "$(systemctl --version | head -1)"
