#include "rest/relationship.hpp"

#include "json.hpp"
#include "rest/error.hpp"

#include <algorithm>

namespace gateway::rest {

namespace {

using Kind = Relationship::Kind;

bool has(const std::vector<std::string> &names, std::string_view name) {
    return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_view(const Relation &relation) {
    return relation.kind == RelationKind::view || relation.kind == RelationKind::materialized_view;
}

std::vector<const ForeignKey *> keys_from(const Schema &schema, const std::string &relation) {
    std::vector<const ForeignKey *> keys;
    const auto before = [](const ForeignKey &key, const std::string &name) { return key.from < name; };
    for (auto key = std::lower_bound(schema.foreign_keys.begin(), schema.foreign_keys.end(), relation, before);
         key != schema.foreign_keys.end() && key->from == relation; ++key)
        keys.push_back(&*key);
    return keys;
}

// No pair of rows is joined twice: both keys together hold, or are within, a key of the junction.
bool is_junction(const Relation &relation, const ForeignKey &left, const ForeignKey &right) {
    const auto within = [](const std::vector<std::string> &inner, const auto &...outer) {
        return std::all_of(inner.begin(), inner.end(),
                           [&](const std::string &name) { return (has(outer, name) || ...); });
    };
    std::vector<std::vector<std::string>> unique = relation.unique_keys;
    unique.push_back(relation.primary_key);
    return std::any_of(unique.begin(), unique.end(), [&](const std::vector<std::string> &key) {
        if (key.empty() || within(key, left.from_columns) || within(key, right.from_columns)) return false;
        return within(key, left.from_columns, right.from_columns) ||
               (within(left.from_columns, key) && within(right.from_columns, key));
    });
}

class Search {
public:
    Search(const Schema &schema, const Relation &origin) : schema_(schema), origin_(origin) {
        for (const ForeignKey *key : keys_from(schema, origin.name))
            add({key->unique ? Kind::one_to_one : Kind::many_to_one, schema.relation(key->to), key, nullptr, true});
        for (const ForeignKey &key : schema.foreign_keys) {
            if (key.to != origin.name) continue;
            const Relation *other = schema.relation(key.from);
            add({key.unique ? Kind::one_to_one : Kind::one_to_many, other, &key, nullptr, false});
            if (!other) continue;
            for (const ForeignKey *far : keys_from(schema, key.from))
                if (far != &key && is_junction(*other, key, *far))
                    add({Kind::many_to_many, schema.relation(far->to), &key, far, false});
        }
    }

    std::vector<Relationship> matching(const Embedding &embedding) const {
        auto found = filtered(all_, [&](const Relationship &each) { return by_name(each, embedding); });
        if (found.empty() && embedding.hint.empty())
            found = filtered(all_, [&](const Relationship &each) { return by_key(each, embedding.target); });
        if (found.size() < 2 || !embedding.hint.empty()) return found;
        // A view on a junction is the same road as the junction itself.
        const auto through_table =
            filtered(found, [&](const Relationship &each) { return each.far && !is_view(junction(each)); });
        if (through_table.empty()) return found;
        return filtered(found, [&](const Relationship &each) { return !each.far || !is_view(junction(each)); });
    }

    const std::vector<Relationship> &all() const { return all_; }

private:
    void add(Relationship relationship) {
        if (relationship.target) all_.push_back(relationship);
    }

    template <typename Test>
    static std::vector<Relationship> filtered(const std::vector<Relationship> &from, Test test) {
        std::vector<Relationship> found;
        std::copy_if(from.begin(), from.end(), std::back_inserter(found), test);
        return found;
    }

    const Relation &junction(const Relationship &each) const { return *schema_.relation(each.near->from); }

    // resource(…), resource!hint(…)
    bool by_name(const Relationship &each, const Embedding &embedding) const {
        if (each.target->name != embedding.target) return false;
        const std::string &hint = embedding.hint;
        // From a relation to itself the key leads both ways: its name means the way to the many.
        if (each.target == &origin_) {
            if (each.far) return hint == each.near->constraint || hint == each.near->from;
            if (each.refers) return false;
        }
        if (hint.empty()) return true;
        if (each.far) return hint == each.near->from;
        return hint == each.near->constraint || has(each.near->from_columns, hint) || has(each.near->to_columns, hint);
    }

    // constraint(…), column(…); a view shares both with its table.
    bool by_key(const Relationship &each, std::string_view target) const {
        if (each.far || is_view(*each.target)) return false;
        return (each.near->constraint == target && (each.refers || each.target != &origin_)) ||
               (each.refers && has(each.near->from_columns, target));
    }

    const Schema &schema_;
    const Relation &origin_;
    std::vector<Relationship> all_;
};

std::string columns_text(const std::string &relation, const std::vector<std::string> &columns) {
    std::string text = relation + "(";
    for (const std::string &column : columns) text += (text.back() == '(' ? "" : ", ") + column;
    return text + ")";
}

std::string_view kind_text(Kind kind) {
    switch (kind) {
    case Kind::many_to_one:
        return "many-to-one";
    case Kind::one_to_one:
        return "one-to-one";
    case Kind::one_to_many:
        return "one-to-many";
    case Kind::many_to_many:
        return "many-to-many";
    }
    return {};
}

std::string relationship_text(const Relationship &each) {
    const ForeignKey &key = *each.near;
    if (each.far)
        return key.from + " using " + columns_text(key.constraint, key.from_columns) + " and " +
               columns_text(each.far->constraint, each.far->from_columns);
    if (each.refers)
        return key.constraint + " using " + columns_text(key.from, key.from_columns) + " and " +
               columns_text(key.to, key.to_columns);
    return key.constraint + " using " + columns_text(key.to, key.to_columns) + " and " +
           columns_text(key.from, key.from_columns);
}

Error ambiguous(const Relation &origin, const Embedding &embedding, const std::vector<Relationship> &found) {
    std::string details = "[";
    std::string hints;
    for (const Relationship &each : found) {
        if (details.size() > 1) details += ",";
        details += "{\"cardinality\":" + json_string(kind_text(each.kind)) +
                   ",\"embedding\":" + json_string(origin.name + " with " + each.target->name) +
                   ",\"relationship\":" + json_string(relationship_text(each)) + "}";
        hints += (hints.empty() ? "'" : ", '") + each.target->name + "!" +
                 (each.far ? each.near->from : each.near->constraint) + "'";
    }
    Error error(300, "PGRST201",
                "Could not embed because more than one relationship was found for '" + origin.name + "' and '" +
                    embedding.target + "'",
                {},
                "Try changing '" + embedding.target + "' to one of the following: " + hints +
                    ". Find the desired relationship in the 'details' key.");
    error.details_json = details + "]";
    return error;
}

Error missing(const Schema &schema, const Relation &origin, const Embedding &embedding,
              const std::vector<Relationship> &all) {
    std::vector<std::string> names;
    for (const Relationship &each : all)
        if (each.target->selectable.user) names.push_back(each.target->name);
    return Error(400, "PGRST200",
                 "Could not find a relationship between '" + origin.name + "' and '" + embedding.target +
                     "' in the schema cache",
                 "Searched for a foreign key relationship between '" + origin.name + "' and '" + embedding.target +
                     "'" + (embedding.hint.empty() ? "" : " using the hint '" + embedding.hint + "'") +
                     " in the schema '" + schema.name + "', but no matches were found.",
                 nearest_hint(embedding.target, names));
}

} // namespace

Relationship find_relationship(const Schema &schema, const Relation &origin, const Embedding &embedding) {
    const Search search(schema, origin);
    const auto found = search.matching(embedding);
    if (found.empty()) throw missing(schema, origin, embedding, search.all());
    if (found.size() > 1) throw ambiguous(origin, embedding, found);
    return found.front();
}

} // namespace gateway::rest
