// Connection strings: what may be shown of them, and which hosts they name.
#include "db/conninfo.hpp"

#include <gtest/gtest.h>

namespace gateway::db {

std::ostream &operator<<(std::ostream &out, const Host &host) {
    return out << host.host << '/' << host.hostaddr << '/' << host.port;
}
bool operator==(const Host &a, const Host &b) {
    return a.host == b.host && a.hostaddr == b.hostaddr && a.port == b.port;
}

namespace {

using Hosts = std::vector<Host>;

TEST(SeveralHosts, AreReadFromBothForms) {
    EXPECT_EQ(several_hosts("postgresql://me@one:1,two:2/db?target_session_attrs=read-write"),
              (Hosts{{"one", "", "1"}, {"two", "", "2"}}));
    EXPECT_EQ(several_hosts("host=one,two port=7 dbname=db"), (Hosts{{"one", "", "7"}, {"two", "", "7"}}));
    EXPECT_EQ(several_hosts("host=one,two port=,7"), (Hosts{{"one", "", "5432"}, {"two", "", "7"}}));
    EXPECT_EQ(several_hosts("hostaddr=10.0.0.1,10.0.0.2"), (Hosts{{"", "10.0.0.1", ""}, {"", "10.0.0.2", ""}}));
    EXPECT_EQ(several_hosts("host=one,two hostaddr=10.0.0.1,10.0.0.2"),
              (Hosts{{"one", "10.0.0.1", ""}, {"two", "10.0.0.2", ""}}));
}

TEST(SeveralHosts, AreLeftToLibpqOtherwise) {
    for (const char *conninfo : {"", "db", "dbname=db", "host=one", "host=one,", "host=,two", "host=one,two port=1,2,3",
                                 "host=one,two hostaddr=10.0.0.1", "postgresql://one,two/db?target_session_attrs=prefer-standby",
                                 "host='"})
        EXPECT_EQ(several_hosts(conninfo), Hosts{}) << conninfo;
}

} // namespace

} // namespace gateway::db
