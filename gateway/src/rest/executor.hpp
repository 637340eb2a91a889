// Runs a request for data: compiles it with the schema of the moment, or takes the statement that was compiled before,
// runs it as the caller, and checks what came of it before a write is committed. Used by all workers.
#pragma once

#include "db/tenant_client.hpp"
#include "rest/compile.hpp"
#include "rest/schema_cache.hpp"
#include "rest/statement_cache.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace gateway::rest {

enum class Target { relation, function };

struct Outcome {
    Query query;
    std::string body;
    std::int64_t rows = 0;             // in the answer, or changed
    std::optional<std::int64_t> total; // without limit and offset
    std::optional<std::string> key;    // column 3 of the statement's row
    db::Context context;
};

class Executor {
public:
    Executor(std::shared_ptr<SchemaCache> schema, db::TenantClient &client) : schema_(std::move(schema)), client_(client) {}

    // Throws rest::Error, db::PgFailure and what a lease throws. Whoever is not signed in gets the database's refusal,
    // and learns nothing about the schema.
    Outcome run(const db::Caller &caller, Target target, const std::string &name, const Request &request);

    // Format::lines: each row of the stream holds one line.
    db::RowStream stream(const db::Caller &caller, Target target, const std::string &name, const Request &request);

    std::string schema_name() { return schema_->current()->name; }

private:
    struct Plan {
        Query query;
        std::shared_ptr<const StatementCache::Entry> entry;
    };
    Plan plan(const Schema &schema, Target target, const std::string &name, const Request &request);
    // Calls `use` with a plan; once more when the schema turns out to be another than the plan was made with.
    template <typename Use>
    auto with_plan(const db::Caller &caller, Target target, const std::string &name, const Request &request, const Use &use);

    const std::shared_ptr<SchemaCache> schema_;
    db::TenantClient &client_;
    const Limits limits_;
    StatementCache statements_{16 << 20};
};

} // namespace gateway::rest
