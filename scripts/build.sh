# shellcheck shell=bash
#
# Builds the three parts (extension, gateway, page) and installs the extension. Only what
# changed is built again: make and cmake see to it themselves, for npm a digest is kept.

EXTENSION_DIR=$ROOT/pg_extension
EXTENSION_STAGE=$VAR/stage
# Another build of it, such as one with a sanitizer, is made beforehand with the options that it needs.
GATEWAY_BUILD=${TENANCY_GATEWAY_BUILD:-$ROOT/build/gateway}
GATEWAY_FUZZ_BUILD=$ROOT/build/gateway-fuzz
PAGE_DIR=$ROOT/frontend
E2E_DIR=$ROOT/e2e
BUILD_LOCK_FD=8

# Two runs in one working copy must not build into the same folders at once.
build_all() {
    exclusive_lock "$BUILD_LOCK_FD" "$VAR/build.lock" build
    beside build_gateway
    beside build_page
    build_extension
    install_extension
    finish build_gateway
    finish build_page
    exec 8>&-
}

declare -A BESIDE_PID=()

# beside FUNCTION: starts it in the background, for finish FUNCTION to wait for. A process group of its own, so that all
# of it can be ended: a shell's background processes do not hear a Ctrl-C.
beside() {
    on_exit stop_beside
    set -m
    (
        trap - EXIT HUP INT TERM
        "$1"
    ) </dev/null 7>&- &
    set +m
    BESIDE_PID[$1]=$!
}

# It has said itself what failed.
finish() {
    local pid=${BESIDE_PID[$1]}
    wait "$pid" || exit 1
    unset "BESIDE_PID[$1]"
}

stop_beside() {
    local name
    for name in "${!BESIDE_PID[@]}"; do
        kill -TERM -- "-${BESIDE_PID[$name]}" 2>/dev/null || true
    done
    BESIDE_PID=()
}

build_extension() {
    step "building the extension"
    logged build-extension make -C "$EXTENSION_DIR" -j "$(nproc)" PG_CONFIG="$PG_BIN/pg_config"
}

# The server looks for extensions in system folders only, so this is the one thing that is
# installed outside of the working copy. It is skipped when nothing changed: then an ordinary
# user is not asked for a password.
install_extension() {
    rm -rf "$EXTENSION_STAGE"
    mkdir -p "$EXTENSION_STAGE"
    # A relative name, because PGXS cannot cope with every character that a folder's name may have.
    logged install-extension make -C "$EXTENSION_DIR" install \
        PG_CONFIG="$PG_BIN/pg_config" DESTDIR=../var/stage
    if extension_is_installed; then return 0; fi
    step "installing the extension into $("$PG_BIN/pg_config" --pkglibdir)"
    am_root || as_root true
    logged install-extension as_root make -C "$EXTENSION_DIR" install PG_CONFIG="$PG_BIN/pg_config"
    extension_is_installed ||
        die "the installed extension is not the one that was built: see $VAR/log/install-extension.log"
}

extension_is_installed() {
    local file
    while IFS= read -r -d '' file; do
        cmp -s "$EXTENSION_STAGE/$file" "/$file" || return 1
    done < <(cd "$EXTENSION_STAGE" && find . -type f -printf '%P\0')
}

# Tells whether a running server has loaded the library that is installed now.
extension_library_digest() { sha256sum <"$("$PG_BIN/pg_config" --pkglibdir)/tenancy.so" | cut -d' ' -f1; }

build_gateway() {
    step "building the gateway"
    forget_moved_build "$GATEWAY_BUILD"
    if [[ ! -f $GATEWAY_BUILD/Makefile ]]; then
        logged configure-gateway cmake -S "$ROOT/gateway" -B "$GATEWAY_BUILD"
    fi
    logged build-gateway cmake --build "$GATEWAY_BUILD" -j "$(nproc)"
}

# A request's path without network and database, for bench/guard.
build_gateway_path() { logged build-gateway-path cmake --build "$GATEWAY_BUILD" --target gateway_path_bench -j "$(nproc)"; }

# Only what the fuzzers need, with the compiler that has libFuzzer.
build_gateway_fuzz() {
    forget_moved_build "$GATEWAY_FUZZ_BUILD"
    CXX=clang++ cmake -S "$ROOT/gateway" -B "$GATEWAY_FUZZ_BUILD" -DGATEWAY_FUZZ=ON &&
        cmake --build "$GATEWAY_FUZZ_BUILD" --target rest_fuzz request_reader_fuzz -j "$(nproc)"
}

# A working copy that was moved leaves a cache that names the old place; cmake refuses that.
forget_moved_build() {
    if [[ -f $1/CMakeCache.txt ]] && ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$ROOT/gateway" "$1/CMakeCache.txt"; then
        rm -rf "$1"
    fi
}

build_page() {
    local stamp=$VAR/stamp/page digest
    npm_ci "$PAGE_DIR"
    digest=$(digest_of "$PAGE_DIR")
    if [[ -f $PAGE_DIR/dist/index.html && $(cat "$stamp" 2>/dev/null) == "$digest" ]]; then return 0; fi
    step "building the page"
    logged build-page npm --prefix "$PAGE_DIR" run build
    printf '%s\n' "$digest" >"$stamp"
}

# Installs exactly what the lock file says, when that or the folder is new.
npm_ci() {
    local dir=$1 name stamp digest
    name=$(basename "$dir")
    stamp=$VAR/stamp/npm-$name
    digest=$(node --version; sha256sum <"$dir/package-lock.json")
    if [[ -d $dir/node_modules && $(cat "$stamp" 2>/dev/null) == "$digest" ]]; then return 0; fi
    step "fetching the npm packages of $name/"
    rm -f "$stamp"
    # The tests use Debian's Chromium; nothing is to be fetched beside the packages.
    PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD=1 logged "npm-$name" \
        npm --prefix "$dir" ci --no-audit --no-fund
    printf '%s\n' "$digest" >"$stamp"
}
