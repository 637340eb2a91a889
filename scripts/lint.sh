# shellcheck shell=bash
#
# `lint`: programs that read the code instead of running it. Each is a function lint_NAME that prints what it finds and
# fails then. Those that take long are left to people: `lint` runs all, the suite lint of the tests only the quick ones.

LINTS_QUICK=(shellcheck cppcheck eslint types)
LINTS_LONG=(clang_tidy)
# The database's part is C++ that PostgreSQL's headers are not ours to judge in.
LINT_CXX_FLAGS=(-std=c++20 -Wno-register -D_GNU_SOURCE)

# lint [NAME…]
cmd_lint() {
    local name
    prepare_var
    ensure_packages "${PACKAGES_UP[@]}" "${PACKAGES_LINT[@]}"
    ensure_node
    exclusive_lock "$BUILD_LOCK_FD" "$VAR/build.lock" build
    npm_ci "$PAGE_DIR"
    npm_ci "$E2E_DIR"
    exec 8>&-
    (($#)) || set -- "${LINTS_QUICK[@]}" "${LINTS_LONG[@]}"
    for name in "$@"; do
        [[ " ${LINTS_QUICK[*]} ${LINTS_LONG[*]} " == *" $name "* ]] ||
            die "there is no lint $name: ${LINTS_QUICK[*]} ${LINTS_LONG[*]}"
    done
    if run_lints "$@"; then
        say "lint: clean ($*)"
    else
        say "lint: not clean"
        return 1
    fi
}

# As a test's result, a line each.
run_lints() {
    local name status=0
    local -i number=0
    for name in "$@"; do
        number+=1
        if (cd "$ROOT" && "lint_$name"); then
            say "ok $number - $name"
        else
            say "not ok $number - $name"
            status=1
        fi
    done
    return "$status"
}

lint_shellcheck() {
    local -a scripts
    mapfile -t scripts < <(shell_scripts)
    shellcheck --severity=warning --external-sources --source-path=SCRIPTDIR "${scripts[@]}"
}

# The files that a shell runs, by their first line; what they source is read with them.
shell_scripts() {
    find setup.sh .ci bench docker examples pg_extension scripts tests_pgtap -type f -not -path '*/node_modules/*' \
        -not -path '*/build/*' -size -200k -exec grep -lIm1 -E '^#!.*\b(ba)?sh$' {} +
}

lint_cppcheck() {
    local -a options=(--quiet --std=c++20 "--enable=warning,performance,portability" --error-exitcode=1
        --suppressions-list=.cppcheck-suppressions)
    cppcheck "${options[@]}" -Igateway/src gateway/src &&
        cppcheck "${options[@]}" -Ipg_extension/src pg_extension/src
}

lint_eslint() {
    npm --silent --prefix frontend run lint && npm --silent --prefix e2e run lint
}

lint_types() {
    npm --silent --prefix frontend run typecheck && npm --silent --prefix e2e run typecheck
}

# Which of its checks, and why not the others: docs/contributing.md.
lint_clang_tidy() {
    local status=0
    local -a flags
    read -ra flags < <(pkg-config --cflags cpp-httplib libpq libsystemd prometheus-cpp-core)
    find gateway/src -name '*.cpp' -print0 |
        xargs -0 -n 4 -P "$(nproc)" clang-tidy --quiet -- "${LINT_CXX_FLAGS[@]}" -Igateway/src "${flags[@]}" || status=1
    find pg_extension/src -name '*.cpp' -print0 |
        xargs -0 -n 4 -P "$(nproc)" clang-tidy --quiet -- "${LINT_CXX_FLAGS[@]}" -Ipg_extension/src \
            -isystem "$("$PG_BIN/pg_config" --includedir-server)" || status=1
    return "$status"
}

# format: writes the C++ files anew as .clang-format has them.
cmd_format() {
    ensure_packages clang-format
    find "$ROOT"/gateway/{src,tests} "$ROOT"/pg_extension/{src,test} -name '*.[ch]pp' -print0 | xargs -0 clang-format -i
}
