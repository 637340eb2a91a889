#include "db/catalog.hpp"

namespace gateway::db {

namespace {

constexpr auto refresh_every = std::chrono::seconds(1);

// format_type with -1 gives the bare type: with the length in it, a cast would cut a longer id to a matching one.
const Statement relations{"catalog", R"(
select c.relname, c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname),
       a.atttypid, pg_catalog.format_type(a.atttypid, -1)
from pg_catalog.pg_class c
join pg_catalog.pg_namespace n on n.oid = c.relnamespace
left join pg_catalog.pg_attribute a on a.attrelid = c.oid and a.attname = 'id' and a.attnum > 0 and not a.attisdropped
where n.nspname = $1 and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and exists (select from pg_catalog.pg_roles r where r.rolname in ('tenancy_user', 'tenancy_admin')
              and pg_catalog.has_table_privilege(r.oid, c.oid, 'select')))"};

} // namespace

std::shared_ptr<const Catalog::Resources> Catalog::current() {
    const std::lock_guard lock(mutex_);
    return resources_;
}

std::shared_ptr<const Resource> Catalog::find(const std::string &name, Pool &pool) {
    if (const auto known = current()) {
        const auto found = known->find(name);
        if (found != known->end()) return found->second;
    }
    {
        const std::lock_guard lock(mutex_);
        if (resources_ && Clock::now() - read_at_ < refresh_every) return nullptr;
        read_at_ = Clock::now(); // before the query: others do not ask at the same time
    }
    auto read = std::make_shared<Resources>();
    const Result rows = pool.lease()->run(relations, {schema_});
    for (int row = 0; row < rows.rows(); ++row) {
        auto resource = std::make_shared<Resource>();
        const std::string relation(rows.text(row, 2));
        const bool has_id = !rows.is_null(row, 3);
        // Names change with the shape, so that no connection runs a statement prepared for an older one.
        const std::string shape = std::string(rows.text(row, 1)) + "_" + std::string(rows.text(row, 3));
        resource->list = {"list_" + shape, "select coalesce(json_agg(r), '[]')::text from (select * from " + relation +
                                               (has_id ? " order by \"id\"" : "") + ") r"};
        if (has_id)
            resource->one = {"one_" + shape, "select row_to_json(r)::text from " + relation + " r where r.\"id\" = $1::" +
                                                 std::string(rows.text(row, 4)) + " limit 1"};
        read->emplace(rows.text(row, 0), std::move(resource));
    }
    const std::lock_guard lock(mutex_);
    resources_ = read;
    const auto found = read->find(name);
    return found == read->end() ? nullptr : found->second;
}

void Catalog::forget() {
    const std::lock_guard lock(mutex_);
    resources_.reset();
}

} // namespace gateway::db
