#include "rest/write_sql.hpp"

#include "rest/condition_sql.hpp"
#include "rest/error.hpp"
#include "rest/sql_text.hpp"

#include <algorithm>

namespace gateway::rest {

namespace {

class WriteSql {
public:
    WriteSql(const Schema &schema, const Query &query, const Limits &limits)
        : query_(query),
          relation_(*schema.relation(query.target)),
          emitter_(query),
          read_(schema, query, limits, emitter_),
          table_(qualified(schema, relation_.name)) {}

    Statement statement() {
        if (query_.action == Query::Action::update)
            update();
        else if (query_.action == Query::Action::remove)
            remove();
        else
            insert();

        const std::string key = query_.key_wanted ? inserted_key() : "null";
        if (!query_.representation) {
            Statement statement;
            statement.sql =
                with_ + "select '', count(*), " + total() + ", " + key + "::text from source" + emitter_.where_unused();
            return statement;
        }
        RowSource source;
        source.from = "source";
        source.relation = &relation_;
        source.filtered = false;
        source.ordered = true; // as the body has them
        source.with = with_;
        source.count = "(select count(*) from source)";
        source.key = key;
        return read_.answer(source);
    }

private:
    std::string total() const { return query_.count_all || query_.count_some ? "count(*)" : "null::bigint"; }

    std::string returning(const std::string &alias) const {
        if (query_.representation) return " returning " + alias + ".*";
        if (!query_.key_wanted) return " returning 1";
        std::vector<std::string> names;
        for (const std::string &name : relation_.primary_key) names.push_back(alias + "." + quoted_name(name));
        return " returning " + joined(names, ", ");
    }

    // Of one row: of more there is no one address.
    std::string inserted_key() const {
        std::vector<std::string> names;
        for (const std::string &name : relation_.primary_key) names.push_back("source." + quoted_name(name));
        return "(case when (select count(*) from source) = 1 then (select row_to_json(k) from (select " +
               joined(names, ", ") + " from source) k) end)";
    }

    // body("a" integer, "b" text)
    std::string body_columns(const std::vector<std::string> &names) const {
        std::vector<std::string> columns;
        for (const std::string &name : names)
            columns.push_back(quoted_name(name) + " " + known_column(relation_, name).type.sql_name);
        return "body(" + joined(columns, ", ") + ")";
    }

    const Query::Forced *forced(const std::string &name) const {
        for (const Query::Forced &each : query_.forced)
            if (each.column == name) return &each;
        return nullptr;
    }

    std::string insert_of(const Query::KeySet &set, const std::string &rows) {
        std::vector<std::string> columns, values, from_body;
        for (const std::string &name : set.columns) {
            columns.push_back(quoted_name(name));
            if (const Query::Forced *value = forced(name)) {
                values.push_back(emitter_.parameter(value->value, known_column(relation_, name).type.sql_name));
            } else {
                values.push_back("body." + quoted_name(name));
                from_body.push_back(name);
            }
        }
        const std::string from = rows + (from_body.empty() ? std::string() : body_columns(from_body));
        return "insert into " + table_ + " as t" + (columns.empty() ? "" : " (" + joined(columns, ", ") + ")") +
               " select " + joined(values, ", ") + " from " + from;
    }

    std::string on_conflict(const std::vector<std::string> &written) const {
        if (query_.on_conflict.empty() || (!query_.merge && !query_.ignore))
            return query_.ignore ? " on conflict do nothing" : "";
        std::vector<std::string> keys, changes;
        for (const std::string &name : query_.on_conflict) keys.push_back(quoted_name(known_column(relation_, name).name));
        const std::string target = " on conflict (" + joined(keys, ", ") + ") do ";
        if (query_.ignore) return target + "nothing";
        for (const std::string &name : written)
            if (std::find(query_.on_conflict.begin(), query_.on_conflict.end(), name) == query_.on_conflict.end())
                changes.push_back(quoted_name(name) + " = excluded." + quoted_name(name));
        // Something must be set for the row to be among those returned.
        if (changes.empty()) changes.push_back(keys.front() + " = excluded." + keys.front());
        return target + "update set " + joined(changes, ", ");
    }

    void insert() {
        const std::string body = emitter_.parameter(query_.body.value(), "json");
        if (query_.written.size() == 1) {
            const Query::KeySet &set = query_.written.front();
            const bool reads_body = std::any_of(set.columns.begin(), set.columns.end(),
                                                [&](const std::string &name) { return !forced(name); });
            const std::string rows =
                reads_body ? "json_to_recordset(" + body + ") as " : "json_array_elements(" + body + ") as body";
            with_ = "with source as (" + insert_of(set, rows) + on_conflict(set.columns) + returning("t") + ") ";
            return;
        }
        // One INSERT for each set of keys, since only a column that is not named takes its default.
        with_ = "with payload as materialized (select e.value, e.ordinality from json_array_elements(" + body +
                ") with ordinality e)";
        std::string all;
        for (std::size_t i = 0; i < query_.written.size(); ++i) {
            const Query::KeySet &set = query_.written[i];
            const std::string name = "i" + std::to_string(i);
            const std::string rows =
                "payload p" + (set.columns.empty() ? std::string() : ", json_to_record(p.value) as ");
            with_ += ", " + name + " as (" + insert_of(set, rows) + " where p.ordinality = any(" +
                     emitter_.parameter(set.rows.value(), "bigint[]") + ") order by p.ordinality" +
                     on_conflict(set.columns) + returning("t") + ")";
            all += (all.empty() ? "select * from " : " union all select * from ") + name;
        }
        with_ += ", source as (" + all + ") ";
    }

    void update() {
        const std::vector<std::string> &columns = query_.written.front().columns;
        const std::string where = " where " + joined(read_.filters(query_.root, relation_, "t"), " and ");
        if (columns.empty()) { // nothing to set: no row is touched
            with_ = "with source as (select t.* from " + table_ + " t" + where + " and false) ";
            return;
        }
        std::vector<std::string> changes;
        for (const std::string &name : columns) changes.push_back(quoted_name(name) + " = body." + quoted_name(name));
        with_ = "with source as (update " + table_ + " as t set " + joined(changes, ", ") + " from json_to_recordset(" +
                emitter_.parameter(query_.body.value(), "json") + ") as " + body_columns(columns) + where +
                returning("t") + ") ";
    }

    void remove() {
        with_ = "with source as (delete from " + table_ + " as t where " +
                joined(read_.filters(query_.root, relation_, "t"), " and ") + returning("t") + ") ";
    }

    const Query &query_;
    const Relation &relation_;
    Emitter emitter_;
    ReadSql read_;
    std::string table_;
    std::string with_;
};

} // namespace

Statement write_sql(const Schema &schema, const Query &query, const Limits &limits) {
    return WriteSql(schema, query, limits).statement();
}

} // namespace gateway::rest
