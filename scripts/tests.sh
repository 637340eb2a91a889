# shellcheck shell=bash
#
# `test`: every suite on a cluster, a gateway and ports of its own, which are gone afterwards.
# Each run has a folder in /tmp (short, for the socket) with a lock on it for as long as the
# run lives; what a killed run left is found by its lock being free, and cleared away.

TEST_LOCK_FD=7
TEST_LIVE=$VAR/test/live
TEST_REPORT=$VAR/report
SUITE_SECONDS=840

# test [SUITE [FILE…]]: all suites but clients, or one; for pgtap and e2e also some of its files.
cmd_test() {
    ONLY_SUITE=${1:-}
    ONLY_FILES=("${@:2}")
    case $ONLY_SUITE in
    pgtap | e2e) ;;
    '' | extension-core | extension-fuzz | gateway-fuzz | gateway-unit | page-unit | lint | guard | clients)
        ((${#ONLY_FILES[@]} == 0)) || die "only pgtap and e2e take names of files"
        ;;
    *) die "there is no suite $ONLY_SUITE: extension-core, extension-fuzz, gateway-fuzz, gateway-unit, page-unit, lint, guard, pgtap, e2e, clients" ;;
    esac
    TEST_COUNTS=
    on_exit say_counts
    prepare_var
    ensure_packages "${PACKAGES_UP[@]}" "${PACKAGES_TEST[@]}"
    [[ $ONLY_SUITE != clients ]] || ensure_packages "${PACKAGES_CLIENTS[@]}"
    ensure_node
    exclusive_lock "$BUILD_LOCK_FD" "$VAR/build.lock" build
    beside build_gateway
    beside build_page
    [[ -n $ONLY_SUITE && $ONLY_SUITE != gateway-fuzz ]] || beside try_build_gateway_fuzz
    build_extension
    install_extension
    build_extension_tests

    clear_stale_tests
    instance_of_test
    on_exit end_test
    step "starting a throw-away cluster"
    ensure_cluster
    make_pgtap_database
    make_demos
    write_server_commands
    # The database's tests need none of what is still being built.
    start_suite pgtap pgtap_suite "${ONLY_FILES[@]}"
    finish build_gateway
    finish build_page
    [[ ! ${BESIDE_PID[try_build_gateway_fuzz]:-} ]] || finish try_build_gateway_fuzz
    [[ -n $ONLY_SUITE && $ONLY_SUITE != guard ]] || try_build_gateway_path
    exec 8>&-
    start_gateways
    test_environment

    PASSED=0
    FAILED=0
    run_suites
    if ((FAILED)); then
        TEST_KEEPS_LOGS=yes
        say "the logs are in ${TEST_RESULTS#"$ROOT/"}"
    fi
    TEST_COUNTS="$PASSED passed, $FAILED failed"
    ((FAILED == 0))
}

# The last line of every run, also of one that never came to its suites.
say_counts() { say "${TEST_COUNTS:-0 passed, 1 failed}"; }

# What suites need built or installed, here because of the lock. Where it fails, the suite fails and says why.
build_extension_tests() {
    local options=("PG_CONFIG=$PG_BIN/pg_config") installed
    npm_ci "$E2E_DIR"
    npm_ci "$ROOT/examples/node"
    [[ $ONLY_SUITE != clients ]] || npm_ci "$ROOT/examples/prisma"
    step "building the extension's tests"
    make -C "$EXTENSION_DIR" "${options[@]}" -k -j "$(nproc)" build/core_test build/jwt_fuzz faults \
        >"$VAR/log/build-extension-tests.log" 2>&1 || true
    installed=$("$PG_BIN/pg_config" --pkglibdir)/tenancy_faults.so
    if ! cmp -s "$EXTENSION_DIR/build/tenancy_faults.so" "$installed"; then
        as_root make -C "$EXTENSION_DIR" "${options[@]}" install-faults >"$VAR/log/install-faults.log" 2>&1 || true
    fi
}

# Where it fails, its suite builds again and tells.
try_build_gateway_fuzz() {
    step "building the gateway's fuzzers"
    build_gateway_fuzz >"$VAR/log/build-gateway-fuzz.log" 2>&1 || true
}

# What the guard counts; where it fails, the guard fails.
try_build_gateway_path() {
    cmake --build "$GATEWAY_BUILD" --target gateway_path_bench -j "$(nproc)" >"$VAR/log/build-gateway-path.log" 2>&1 || true
}

instance_of_test() {
    INSTANCE_KIND="test"
    INSTANCE=$(mktemp -d /tmp/pgt-test.XXXXXX)
    chmod 711 "$INSTANCE"
    eval "exec $TEST_LOCK_FD>\"\$INSTANCE/lock\""
    flock "$TEST_LOCK_FD"
    mkdir -p "$TEST_LIVE"
    ln -s "$INSTANCE" "$TEST_LIVE/$(basename "$INSTANCE")"
    use_test_folder "$INSTANCE"
    TEST_RESULTS=$VAR/test/$(date +%Y%m%d-%H%M%S)-${INSTANCE##*.}
    TEST_KEEPS_LOGS=
    mkdir -p "$TEST_RESULTS"
    mkdir -m 700 "$INSTANCE_SECRETS" "$INSTANCE_LOG" "$INSTANCE_RUN"
    mkdir -m 1777 "$INSTANCE/tmp"
    make_server_folder "$INSTANCE_SOCKET"
}

use_test_folder() {
    INSTANCE=$1
    INSTANCE_SOCKET=$1/socket
    INSTANCE_SECRETS=$1/secrets
    INSTANCE_LOG=$1/log
    INSTANCE_RUN=$1/run
}

# However the run ends: no process, no folder, and logs only when they tell of a failure.
end_test() {
    [[ -d $INSTANCE ]] || return 0
    clear_test_folder
    keep_report
    [[ $TEST_KEEPS_LOGS ]] || rm -rf "$TEST_RESULTS"
    # Ten failures back is far enough.
    find "$VAR/test" -mindepth 1 -maxdepth 1 -type d -name '2*' -print0 |
        sort -rz | tail -zn +11 | xargs -0r rm -rf
}

# Of the last run with tests in a browser, at a place that does not change.
keep_report() {
    [[ -d $TEST_RESULTS/report ]] || return 0
    rm -rf "$TEST_REPORT"
    mv "$TEST_RESULTS/report" "$TEST_REPORT"
}

clear_test_folder() {
    local file suite tries
    for file in "$INSTANCE_RUN"/*.suite; do
        suite=$(live_pid "$file") || continue
        kill -TERM "$suite"
        for ((tries = 0; tries < 150; tries++)); do
            live_pid "$file" >/dev/null || break
            sleep 0.1
        done
    done
    stop_gateways
    stop_cluster immediate
    if [[ -n ${TEST_RESULTS:-} && -d $TEST_RESULTS && -d $INSTANCE_LOG ]]; then
        cp "$INSTANCE_LOG"/*.log "$TEST_RESULTS/" 2>/dev/null
    fi
    unmount_below "$INSTANCE"
    rm -f "$TEST_LIVE/$(basename "$INSTANCE")"
    rm -rf "$INSTANCE"
}

# What a test that was killed has mounted.
unmount_below() {
    local _ folder
    while read -r _ folder _; do
        [[ $folder != "$1"/* ]] || umount --lazy "$folder"
    done </proc/self/mounts
}

clear_stale_tests() {
    local link folder
    for link in "$TEST_LIVE"/*; do
        [[ -L $link ]] || continue
        folder=$(readlink "$link")
        if [[ ! -d $folder ]]; then
            rm -f "$link"
            continue
        fi
        # In a process of its own, which holds the lock of the dead run while it clears up.
        (
            trap - EXIT
            exec 7>>"$folder/lock"
            flock -n 7 || exit 0
            INSTANCE_KIND="test"
            use_test_folder "$folder"
            clear_test_folder
        )
    done
}

make_pgtap_database() {
    admin_psql -c 'create database pgtap template template0'
    admin_psql -d pgtap -c 'create extension pgtap'
}

# Both demos, and both as they were at first, for tests that copy one to change it: the names are the gateways'
# databases, with _template. All before the first suite, because roles and the extension's first creation concern the
# whole cluster.
make_demos() {
    local demo
    for demo in "${DEMOS[@]}"; do
        use_demo "$demo"
        ensure_demo
        [[ -z $ONLY_SUITE || $ONLY_SUITE == e2e ]] || continue
        DEMO_DATABASE+=_template
        load_demo
    done
}

start_gateways() {
    step "starting the gateways"
    use_demo many
    ensure_gateway
    TEST_MANY_URL=http://127.0.0.1:$GATEWAY_PORT
    TEST_MANY_GATEWAY_URL=$(gateway_url)
    use_demo one
    ensure_gateway
}

# One word each, so that a suite can run them with or without a shell. Their output goes to
# the server's log: the server keeps the descriptors, and a caller reading a pipe would wait for ever.
write_server_commands() {
    local name
    local -a become=()
    mkdir -p "$INSTANCE/bin"
    if am_root; then become=(runuser -u postgres --); fi
    for name in restart stop start; do
        {
            printf '#!/bin/sh\ncd /\nexec'
            printf ' %q' "${become[@]}" "$PG_BIN/pg_ctl" -D "$INSTANCE/data" -w -t 60 "$name"
            [[ $name == start ]] || printf ' -m fast'
            printf ' >>%q 2>&1 </dev/null\n' "$INSTANCE_LOG/postgres.log"
        } >"$INSTANCE/bin/pg_$name"
        chmod 755 "$INSTANCE/bin/pg_$name"
    done
}

# What the database's tests need.
database_environment() {
    # Tests that make servers of their own ask pg_config where its programs are.
    export PATH=$PG_BIN:$PATH
    export PGHOST=127.0.0.1 PGPORT=$PG_PORT PGUSER=postgres PGPASSFILE=$INSTANCE_SECRETS/pgpass
    # What browsers and tools leave in their temporary folder goes with ours.
    export TMPDIR=$INSTANCE/tmp
}

test_environment() {
    database_environment
    export PGDATABASE=$DEMO_DATABASE
    export TENANCY_URL=http://127.0.0.1:$GATEWAY_PORT TENANCY_MANY_URL=$TEST_MANY_URL
    TENANCY_GATEWAY_URL=$(gateway_url)
    export TENANCY_GATEWAY_URL TENANCY_MANY_GATEWAY_URL=$TEST_MANY_GATEWAY_URL
    export TENANCY_TEST_PG_RESTART=$INSTANCE/bin/pg_restart
    export TENANCY_TEST_PG_STOP=$INSTANCE/bin/pg_stop
    export TENANCY_TEST_PG_START=$INSTANCE/bin/pg_start
    # For a suite that starts a server of its own.
    export TENANCY_TEST_PG_BIN=$PG_BIN
    # The program under test, for suites that start one of their own.
    export TENANCY_GATEWAY_BIN=$INSTANCE/$GATEWAY.app/tenancy-gateway
    TENANCY_MANY_GATEWAY_BIN=$(use_demo many && printf %s "$INSTANCE/$GATEWAY.app/tenancy-gateway")
    export TENANCY_MANY_GATEWAY_BIN
}

run_suites() {
    local results=$TEST_RESULTS
    suite extension-core gtest "$results/extension-core.json" \
        env GTEST_OUTPUT="json:$results/extension-core.json" \
        make -C "$EXTENSION_DIR" core-test PG_CONFIG="$PG_BIN/pg_config"
    suite gateway-unit gtest "$results/gateway-unit.json" \
        env GTEST_OUTPUT="json:$results/gateway-unit.json" "$GATEWAY_BUILD/gateway_tests"
    suite page-unit vitest "$results/page-unit.json" \
        npm --prefix "$PAGE_DIR" test -- --reporter=default --reporter=json --outputFile.json="$results/page-unit.json"
    suite lint tap "$results/lint.log" run_lints "${LINTS_QUICK[@]}"
    # The fuzzers and the guard take what the database's tests leave of two processors; instructions are the same under load.
    start_suite guard "$ROOT/bench/guard/run" --built
    start_suite extension-fuzz fuzz_suite
    start_suite gateway-fuzz gateway_fuzz_suite
    end_suite pgtap tap "$results/pgtap.log"
    end_suite guard tap "$results/guard.log"
    end_suite extension-fuzz tap "$results/extension-fuzz.log"
    end_suite gateway-fuzz tap "$results/gateway-fuzz.log"
    suite e2e playwright "$results/e2e.json" e2e_suite "${ONLY_FILES[@]}"
    # Compilers and big packages: only when it is asked for by its name.
    [[ $ONLY_SUITE != clients ]] || suite clients tap "$results/clients.log" clients_suite
}

# A minute of the fuzzer in all; `make fuzz` gives it longer. What breaks a parser is kept in pg_extension/build.
fuzz_suite() {
    if make -C "$EXTENSION_DIR" fuzz FUZZ_SECONDS=45 PG_CONFIG="$PG_BIN/pg_config"; then
        echo 'ok 1 - no input broke the parsers of signed tokens'
    else
        echo 'not ok 1 - no input broke the parsers of signed tokens'
        return 1
    fi
}

# The same for the gateway. The requests of the unit tests' tables are the first inputs; what is found, and what was
# learned, is kept beside the programs.
gateway_fuzz_suite() {
    local status=0
    build_gateway_fuzz || status=1
    cd "$GATEWAY_FUZZ_BUILD" || return
    rm -rf rest_seeds
    mkdir -p rest_seeds rest_corpus request_reader_corpus
    REST_SEEDS=rest_seeds "$GATEWAY_BUILD/gateway_tests" --gtest_brief=1 --gtest_filter='Rest*' || status=1
    fuzz_gateway 1 rest 30 'the compiler of data requests' rest_seeds || status=1
    fuzz_gateway 2 request_reader 15 'the reader of requests' || status=1
    return "$status"
}

# fuzz_gateway NUMBER PROGRAM SECONDS WHAT [SEEDS]
fuzz_gateway() {
    if "./$2_fuzz" -max_total_time="$3" -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$2_fuzz-" "$2_corpus" "${@:5}"; then
        echo "ok $1 - no input broke $4"
    else
        echo "not ok $1 - no input broke $4"
        return 1
    fi
}

# .sql files are pgTAP; .sh files print TAP themselves (restarts, several connections).
pgtap_suite() {
    local status=0 file
    local -a sql=() scripts=()
    cd "$ROOT/tests_pgtap" || return
    (($#)) || set -- [0-9]*
    for file in "$@"; do
        case $file in
        *.sql) sql+=("$file") ;;
        *.sh) scripts+=("$file") ;;
        esac
    done
    database_environment
    export PGDATABASE=pgtap
    psql -X -q -v ON_ERROR_STOP=1 -f setup/fixture.sql || return
    ((${#sql[@]} == 0)) || pg_prove --verbose "${sql[@]}" || status=1
    ((${#scripts[@]} == 0)) || prove --verbose --exec bash "${scripts[@]}" || status=1
    return "$status"
}

# The examples that tests_pgtap/93_clients.sh leaves out by itself.
clients_suite() {
    cd "$ROOT/tests_pgtap" && prove --verbose --exec bash 93_clients.sh :: prisma jdbc pgx
}

e2e_suite() {
    cd "$E2E_DIR" || return
    export PLAYWRIGHT_JSON_OUTPUT_NAME=$TEST_RESULTS/e2e.json
    export PLAYWRIGHT_HTML_OUTPUT_DIR=$TEST_RESULTS/report PLAYWRIGHT_HTML_OPEN=never
    exec node_modules/.bin/playwright test --reporter=list,json,html --output="$TEST_RESULTS/e2e" "$@"
}

# suite NAME FORMAT COUNTS COMMAND…: runs the command with its output in a log, adds its counts.
# A suite that cannot start, dies, or runs nothing counts as one failure: silence is not success.
suite() {
    start_suite "$1" "${@:4}"
    end_suite "$1" "$2" "$3"
}

declare -A SUITE_PID=() SUITE_BEGAN=()

start_suite() {
    local name=$1
    [[ -z $ONLY_SUITE || $name == "$ONLY_SUITE" ]] || return 0
    shift
    # In the background, so that Ctrl-C reaches this shell at once and it can end the suite:
    # `timeout` gives the suite a process group and hands signals on to all of it.
    export -f pgtap_suite e2e_suite fuzz_suite gateway_fuzz_suite fuzz_gateway build_gateway_fuzz clients_suite forget_moved_build \
        database_environment run_lints shell_scripts lint_shellcheck lint_cppcheck lint_eslint lint_types say
    export PG_PORT INSTANCE INSTANCE_SECRETS
    export ROOT TEST_RESULTS E2E_DIR EXTENSION_DIR GATEWAY_BUILD GATEWAY_FUZZ_BUILD PG_BIN
    timeout --kill-after=10 "$SUITE_SECONDS" bash -c '"$@"' suite "$@" >"$TEST_RESULTS/$name.log" 2>&1 </dev/null 7>&- 8>&- &
    SUITE_PID[$name]=$!
    SUITE_BEGAN[$name]=$SECONDS
    write_pid_file "$INSTANCE_RUN/$name.suite" "${SUITE_PID[$name]}"
}

# end_suite NAME FORMAT COUNTS
end_suite() {
    local name=$1 log=$TEST_RESULTS/$1.log
    local status=0 passed failed
    [[ ${SUITE_PID[$name]:-} ]] || return 0
    wait "${SUITE_PID[$name]}" || status=$?
    read -r passed failed < <(node "$ROOT/scripts/count_tests.mjs" "$2" "$3" 2>"$TEST_RESULTS/remarks" || echo 0 0)
    tee -a "$log" <"$TEST_RESULTS/remarks"
    rm "$TEST_RESULTS/remarks"
    if ((status == 124)); then
        printf 'ended after %s seconds\n' "$SUITE_SECONDS" >>"$log"
    fi
    if ((failed == 0 && (status != 0 || passed == 0))); then
        printf 'exit status %s with %s tests passed and none failed\n' "$status" "$passed" >>"$log"
        failed=1
    fi
    if ((failed)); then
        tail -n 80 "$log"
    fi
    printf '%-15s %4d passed %4d failed  (%d s)\n' "$name" "$passed" "$failed" $((SECONDS - SUITE_BEGAN[$name]))
    PASSED=$((PASSED + passed))
    FAILED=$((FAILED + failed))
}
