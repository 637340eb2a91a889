# shellcheck shell=bash
#
# A Node that is new enough for the page's tools. Debian 12 carries 18; then the one in
# var/node is used, which npm's packages `node` and `npm` bring along.

NODE_DIR=$VAR/node

# True when `node` on the PATH satisfies Vite: ^20.19 || >=22.12, and npm is there too.
node_is_new_enough() {
    [[ -x $(command -v node) && -x $(command -v npm) ]] || return 1
    local version major minor
    version=$(node --version) || return 1
    IFS=. read -r major minor _ <<<"${version#v}"
    case $major in
        20) ((minor >= 19)) ;;
        22) ((minor >= 12)) ;;
        *) ((major >= 23)) ;;
    esac
}

# Puts a suitable node and npm first on the PATH of this process.
ensure_node() {
    if [[ -d $NODE_DIR/node_modules/.bin ]]; then
        PATH=$NODE_DIR/node_modules/.bin:$PATH
        hash -r
    fi
    node_is_new_enough && return 0
    [[ -x $(command -v npm) ]] || ensure_packages nodejs npm
    node_is_new_enough && return 0

    step "fetching a newer Node into var/node (this machine's is $(node --version 2>/dev/null || echo missing))"
    mkdir -p "$NODE_DIR"
    # Debian's npm finds its modules only through Debian's node, so npm comes along.
    logged node npm install --prefix "$NODE_DIR" --no-save --no-audit --no-fund node@22 npm@10
    PATH=$NODE_DIR/node_modules/.bin:$PATH
    hash -r
    node_is_new_enough || die "the Node in $NODE_DIR does not run: see $VAR/log/node.log"
}
