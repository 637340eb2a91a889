// The table from SQLSTATE to HTTP status, and which texts of Postgres may go out.
#include "http_error.hpp"

#include <gtest/gtest.h>

using gateway::error_for_sqlstate;
using gateway::HttpError;
using gateway::status_for_sqlstate;

TEST(HttpErrorTable, MapsSqlstates) {
    const std::pair<const char *, int> cases[] = {
        {"28P01", 401}, {"28000", 401}, {"42501", 403}, {"53400", 429}, {"53300", 503}, {"53200", 503},
        {"23505", 409}, {"23503", 409}, {"23502", 400}, {"23514", 400}, {"22023", 400}, {"22P02", 400},
        {"21000", 400}, {"42P01", 404}, {"40001", 503}, {"40P01", 503}, {"57014", 504}, {"57P01", 503},
        {"57P03", 503}, {"08006", 503}, {"55P03", 503}, {"54000", 400}, {"P0001", 400}, {"25006", 405},
        {"25001", 500}, {"0A000", 400}, {"42601", 400}, {"428C9", 400}, {"42P10", 400}, {"42846", 400}, {"42703", 500}, {"55000", 400}, {"58030", 503}, {"XX000", 500}, {"", 500}, {"2", 500},
    };
    for (const auto &[sqlstate, status] : cases) EXPECT_EQ(status_for_sqlstate(sqlstate), status) << sqlstate;
}

TEST(HttpErrorTable, HidesTheServersTextUnlessItIsForTheClient) {
    for (const char *sqlstate : {"28P01", "28000", "23505", "23503", "23514", "21000", "42P01", "40001", "57014",
                                 "57P01", "08006", "53300", "54000", "25001", "0A000", "42601", "42703", "58030",
                                 "XX000", "XX001", ""}) {
        const HttpError error = error_for_sqlstate(sqlstate, "relation \"secret\"", "hint about secret");
        EXPECT_EQ(error.message.find("secret"), std::string::npos) << sqlstate;
        EXPECT_FALSE(error.message.empty()) << sqlstate;
        EXPECT_EQ(error.hint, "") << sqlstate;
    }
    for (const char *sqlstate : {"42501", "22023", "22P02", "P0001"}) {
        const HttpError error = error_for_sqlstate(sqlstate, "why", "way out");
        EXPECT_EQ(error.message, "why") << sqlstate;
        EXPECT_EQ(error.hint, "way out") << sqlstate;
    }
}

TEST(HttpErrorTable, TellsThrottlingFromTheServersOwnLimits) {
    const HttpError throttled = error_for_sqlstate("53400", "too many attempts", "Try again in 7 seconds.");
    EXPECT_EQ(throttled.status, 429);
    EXPECT_EQ(throttled.message, "too many attempts");
    const HttpError limit = error_for_sqlstate("53400", "temporary file size exceeds temp_file_limit (1kB)", "");
    EXPECT_EQ(limit.status, 503);
    EXPECT_EQ(limit.message, "the database is out of resources");
    EXPECT_GT(limit.retry_after, 0);
}

TEST(HttpErrorTable, SaysTheWayOutOverHttpWhereTheServersHintNamesAFunction) {
    const HttpError none = error_for_sqlstate("42501", "no tenant chosen in this session", "Call tenancy.x().");
    EXPECT_NE(none.hint.find("POST auth/tenant"), std::string::npos) << none.hint;
    const HttpError other = error_for_sqlstate("42501", "not a member of this tenant", "See tenancy.y().");
    EXPECT_NE(other.hint.find("GET auth/session"), std::string::npos) << other.hint;
    EXPECT_EQ(error_for_sqlstate("42501", "another refusal", "Call tenancy.z().").hint, "");
}

TEST(HttpErrorTable, TakesNoCookieAway) { // it may be newer than the request

    for (const char *sqlstate : {"28000", "28P01", "42501", "08006"})
        EXPECT_FALSE(error_for_sqlstate(sqlstate, "", "").clear_cookie) << sqlstate;
}

TEST(HttpErrorTable, SaysWhenToComeBack) {
    EXPECT_GT(error_for_sqlstate("57P03", "", "").retry_after, 0);
    EXPECT_GT(error_for_sqlstate("53400", "", "").retry_after, 0);
    EXPECT_EQ(error_for_sqlstate("53400", "too many attempts", "Try again in 1 second.").retry_after, 1);
    EXPECT_EQ(error_for_sqlstate("53400", "too many attempts", "Try again in 900 seconds.").retry_after, 900);
    for (const char *odd : {"Try again in 0 seconds.", "Try again in -5 seconds.", "Try again in 99999999999 seconds.",
                            "Try again in  seconds.", "Try again in 7", "Try again, or raise max_worker_processes."})
        EXPECT_EQ(error_for_sqlstate("53400", "", odd).retry_after, 5) << odd;
    EXPECT_EQ(error_for_sqlstate("42501", "", "").retry_after, 0);
    const HttpError error = gateway::unavailable("the database is not available");
    EXPECT_EQ(error.status, 503);
    EXPECT_GT(error.retry_after, 0);
}
