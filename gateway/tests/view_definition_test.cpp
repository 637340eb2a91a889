#include "rest/view_definition.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace gateway::rest;

namespace {

const std::string plain = ":hasAggs false :hasTargetSRFs false";
const std::string ungrouped = ":groupClause <> :groupingSets <> :distinctClause <> :setOperations <>";
const std::string tables = "({RANGETBLENTRY :rtekind 0 :relid 70 :tablesample <>} {RANGETBLENTRY :rtekind 0 :relid 80 :tablesample <>} "
                           "{RANGETBLENTRY :rtekind 1 :subquery {QUERY :targetList ({TARGETENTRY :resno 9 :resorigtbl 99 :resorigcol 9 :resjunk false})}})";

std::string column(int number, int table, int relation, int of, const std::string &name = "x") {
    return "{TARGETENTRY :expr {VAR :varno " + std::to_string(table) + " :varattno " + std::to_string(of) + "} :resno " +
           std::to_string(number) + " :resname " + name + " :resorigtbl " + std::to_string(relation) + " :resorigcol " +
           std::to_string(of) + " :resjunk false}";
}

std::string query(const std::string &from, const std::string &columns, const std::string &head = plain,
                  const std::string &tail = ungrouped) {
    return "({QUERY :commandType 1 " + head + " :rtable " + tables + " :jointree {FROMEXPR :fromlist (" + from +
           ") :quals {CONST :constvalue 4 [ 1 0 0 0 ]}} :targetList (" + columns + ") " + tail + "})";
}

const std::string first = "{RANGETBLREF :rtindex 1}";

std::string join(int type, const std::string &right, const std::string &condition) {
    return "{JOINEXPR :jointype " + std::to_string(type) + " :larg " + first + " :rarg " + right + " :quals " + condition + "}";
}

std::string equal(int table, int number, int other, int other_number, int op = 410) {
    const auto var = [](int of, int at) {
        return "{VAR :varno " + std::to_string(of) + " :varattno " + std::to_string(at) + " :varlevelsup 0}";
    };
    return "{OPEXPR :opno " + std::to_string(op) + " :args (" + var(table, number) + " " + var(other, other_number) + ")}";
}

} // namespace

TEST(ViewDefinition, TellsOriginOfPlainColumns) {
    const auto view = read_view_definition(query(first, column(1, 1, 70, 3) + column(2, 1, 70, 1) +
                                                            "{TARGETENTRY :expr {FUNCEXPR} :resno 3 :resname y :resorigtbl 0 "
                                                            ":resorigcol 0 :resjunk false}"));
    ASSERT_EQ(view.columns.size(), 2u);
    EXPECT_EQ(view.columns.at(1).relation, 70u);
    EXPECT_EQ(view.columns.at(1).column, 3);
    EXPECT_TRUE(view.columns.at(1).of_base);
    EXPECT_EQ(view.columns.at(2).column, 1);
    EXPECT_EQ(view.base, 70u);
    EXPECT_TRUE(view.joined.empty());
}

TEST(ViewDefinition, IsNotFooledByColumnNames) {
    for (const std::string name : {":resorigtbl", "a\\ :resorigtbl\\ 5", "\\{TARGETENTRY", "\\)\\}\\)", "\\\\", "<>"}) {
        const auto view = read_view_definition(query(first, column(1, 1, 70, 3, name)));
        ASSERT_EQ(view.columns.size(), 1u) << name;
        EXPECT_EQ(view.columns.at(1).relation, 70u) << name;
        EXPECT_EQ(view.columns.at(1).column, 3) << name;
        EXPECT_EQ(view.base, 70u) << name;
    }
}

TEST(ViewDefinition, JunkAndSystemColumnsAreNone) {
    const auto view = read_view_definition(query(
        first, "{TARGETENTRY :expr {VAR} :resno 1 :resname x :resorigtbl 70 :resorigcol -1 :resjunk false}"
               "{TARGETENTRY :expr {VAR} :resno 2 :resname x :resorigtbl 70 :resorigcol 2 :resjunk true}"));
    EXPECT_TRUE(view.columns.empty());
}

TEST(ViewDefinition, GroupedRowsAreNotRowsOfATable) {
    const std::string columns = column(1, 1, 70, 1);
    EXPECT_EQ(read_view_definition(query(first, columns, ":hasAggs true :hasTargetSRFs false")).base, 0u);
    EXPECT_EQ(read_view_definition(query(first, columns, ":hasAggs false :hasTargetSRFs true")).base, 0u);
    EXPECT_EQ(read_view_definition(query(first, columns, plain,
                                         ":groupClause ({SORTGROUPCLAUSE}) :groupingSets <> :distinctClause <> :setOperations <>"))
                  .base, 0u);
    EXPECT_EQ(read_view_definition(query(first + first, columns)).base, 0u) << "two relations side by side";
    EXPECT_EQ(read_view_definition(query("{RANGETBLREF :rtindex 3}", columns)).base, 0u) << "a subquery";
}

TEST(ViewDefinition, ABranchOfAUnionSaysNothing) {
    const auto view = read_view_definition(query(first, column(1, 1, 70, 1), plain,
                                                 ":groupClause <> :groupingSets <> :distinctClause <> :setOperations {SETOPERATIONSTMT}"));
    EXPECT_TRUE(view.columns.empty());
    EXPECT_EQ(view.base, 0u);
}

TEST(ViewDefinition, AJoinTellsWhatItEquates) {
    const std::string second = "{RANGETBLREF :rtindex 2}";
    const std::string both = "{BOOLEXPR :boolop and :args (" + equal(1, 4, 2, 1) + equal(2, 2, 1, 5) + equal(2, 6, 1, 6, 97) + ")}";
    for (const int type : {0, 1}) {
        const auto view = read_view_definition(query(join(type, second, both), column(1, 1, 70, 1) + column(2, 2, 80, 1)));
        EXPECT_EQ(view.base, 70u);
        ASSERT_EQ(view.joined.size(), 1u);
        EXPECT_EQ(view.joined[0].relation, 80u);
        EXPECT_EQ(view.joined[0].columns, (std::vector<int>{1, 2})) << "97 is no equality";
        EXPECT_TRUE(view.columns.at(1).of_base);
        EXPECT_FALSE(view.columns.at(2).of_base);
    }
    for (const int type : {2, 3})
        EXPECT_EQ(read_view_definition(query(join(type, second, both), column(1, 1, 70, 1))).base, 0u) << "full and right";
}

TEST(ViewDefinition, AnAlternativeEquatesNothing) {
    const std::string either = "{BOOLEXPR :boolop or :args (" + equal(1, 4, 2, 1) + equal(2, 2, 1, 5) + ")}";
    const auto view = read_view_definition(query(join(0, "{RANGETBLREF :rtindex 2}", either), column(1, 1, 70, 1)));
    ASSERT_EQ(view.joined.size(), 1u);
    EXPECT_TRUE(view.joined[0].columns.empty());
}

TEST(ViewDefinition, BrokenAndBottomlessTextsGiveNothing) {
    const std::string good = query(first, column(1, 1, 70, 3));
    for (std::size_t length = 0; length < good.size(); ++length)
        EXPECT_TRUE(read_view_definition(std::string_view(good).substr(0, length)).columns.empty()) << length;
    EXPECT_TRUE(read_view_definition(std::string(1'000'000, '(')).columns.empty());
    EXPECT_TRUE(read_view_definition("({QUERY :targetList " + std::string(100'000, '{')).columns.empty());
    EXPECT_EQ(read_view_definition(query("{RANGETBLREF :rtindex 77}", column(1, 1, 70, 1))).base, 0u);
}
