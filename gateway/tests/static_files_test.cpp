// The page's files: what is found, what is hidden, and the caching headers.
#include "static_files.hpp"

#include "http_error.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>

#include <gtest/gtest.h>

namespace {

using gateway::http::Request;
namespace fs = std::filesystem;

class StaticFiles : public testing::Test {
protected:
    StaticFiles() {
        std::string pattern = (fs::temp_directory_path() / "gateway_files.XXXXXX").string();
        if (!mkdtemp(pattern.data())) throw std::runtime_error("no temporary folder");
        top_ = pattern;
        fs::create_directories(root() / "assets");
        write("index.html", "<p>page</p>");
        write("assets/app-1a2b.js", script);
        write("icon.png", std::string(4096, 'a'));
        std::ofstream(top_ / "outside.txt") << "outside";
        files_ = std::make_unique<gateway::StaticFiles>(root().string());
    }
    ~StaticFiles() override { fs::remove_all(top_); }

    fs::path root() const { return top_ / "root"; }
    void write(const std::string &name, const std::string &text) const { std::ofstream(root() / name) << text; }

    struct Answer {
        int status = 0;
        httplib::Response response;
        std::string header(const char *name) const { return response.get_header_value(name); }
    };

    Answer get(const std::string &path, std::vector<gateway::http::Header> headers = {}) {
        Request request;
        request.method = "GET";
        request.path = path;
        request.headers = std::move(headers);
        const auto segments = gateway::http::path_segments(path);
        if (!segments) throw std::runtime_error("bad path in the test");
        Answer answer;
        try {
            files_->answer(request, *segments, answer.response);
            answer.status = answer.response.status;
        } catch (const gateway::HttpError &error) {
            answer.status = error.status;
        }
        return answer;
    }

    const std::string script = std::string(5000, 'x') + ";";
    fs::path top_;
    std::unique_ptr<gateway::StaticFiles> files_;
};

} // namespace

TEST_F(StaticFiles, ServesFiles) {
    const Answer page = get("/index.html");
    EXPECT_EQ(page.status, 200);
    EXPECT_EQ(page.response.body, "<p>page</p>");
    EXPECT_EQ(page.header("Content-Type"), "text/html; charset=utf-8");
    EXPECT_EQ(page.header("Cache-Control"), "no-cache");
    EXPECT_NE(page.header("Content-Security-Policy").find("script-src 'self'"), std::string::npos);

    const Answer asset = get("/assets/app-1a2b.js");
    EXPECT_EQ(asset.response.body, script);
    EXPECT_EQ(asset.header("Content-Type"), "text/javascript; charset=utf-8");
    EXPECT_NE(asset.header("Cache-Control").find("immutable"), std::string::npos);
}

TEST_F(StaticFiles, PageRoutesGetTheIndex) {
    for (const char *path : {"/", "/patients", "/patients/7", "/patients/", "/assets/", "/assets"}) {
        const Answer answer = get(path);
        EXPECT_EQ(answer.status, 200) << path;
        EXPECT_EQ(answer.response.body, "<p>page</p>") << path;
        EXPECT_EQ(answer.header("Cache-Control"), "no-cache") << path;
    }
}

TEST_F(StaticFiles, MissingFilesWithAnExtensionAreNotFound) {
    for (const char *path : {"/missing.js", "/assets/missing.css", "/no/such/folder/a.png"})
        EXPECT_EQ(get(path).status, 404) << path;
    fs::remove(root() / "index.html");
    EXPECT_EQ(get("/").status, 404);
    fs::remove_all(root());
    EXPECT_EQ(get("/icon.png").status, 404);
}

TEST_F(StaticFiles, HidesDotFiles) {
    write(".env", "secret");
    write(".hidden.txt", "secret");
    fs::create_directories(root() / ".git");
    write(".git/config", "secret");
    for (const char *path : {"/.env", "/.hidden.txt", "/.git/config", "/%2eenv", "/.git/", "/."})
        EXPECT_EQ(get(path).status, 404) << path;
}

TEST_F(StaticFiles, NeverLeavesTheRoot) {
    for (const char *path : {"/../outside.txt", "/assets/../../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt",
                             "/assets%2f..%2f..%2foutside.txt", "/..%5coutside.txt", "/..", "//outside.txt",
                             "/assets//app-1a2b.js"})
        EXPECT_EQ(get(path).status, 404) << path;
}

TEST_F(StaticFiles, FollowsNoLinks) {
    fs::create_symlink(top_ / "outside.txt", root() / "link.txt");
    fs::create_symlink(top_, root() / "folder");
    fs::create_symlink("icon.png", root() / "inner.png");
    for (const char *path : {"/link.txt", "/folder/outside.txt", "/inner.png"}) EXPECT_EQ(get(path).status, 404) << path;
    fs::remove(root() / "index.html");
    fs::create_symlink(top_ / "outside.txt", root() / "index.html");
    EXPECT_EQ(get("/").status, 404) << "nor as the index";
}

TEST_F(StaticFiles, ServesOnlyRegularFiles) {
    fs::create_directories(root() / "folder.txt");
    ASSERT_EQ(mkfifo((root() / "pipe.txt").c_str(), 0600), 0);
    EXPECT_EQ(get("/folder.txt").status, 404);
    EXPECT_EQ(get("/pipe.txt").status, 404) << "and a pipe without a writer must not block";
}

TEST_F(StaticFiles, AnswersNotModified) {
    const std::string etag = get("/index.html").header("ETag");
    ASSERT_GT(etag.size(), 2u);
    const Answer same = get("/index.html", {{"if-none-match", "\"x\", W/" + etag}});
    EXPECT_EQ(same.status, 304);
    EXPECT_EQ(same.response.body, "");
    EXPECT_EQ(same.header("ETag"), etag);
    EXPECT_EQ(get("/index.html", {{"if-none-match", "\"other\""}}).status, 200);

    write("index.html", "<p>a newer page</p>");
    const Answer changed = get("/index.html", {{"if-none-match", etag}});
    EXPECT_EQ(changed.status, 200) << "a changed file is read again";
    EXPECT_EQ(changed.response.body, "<p>a newer page</p>");
}

TEST_F(StaticFiles, CompressesTextForWhoWantsIt) {
    const Answer plain = get("/assets/app-1a2b.js");
    const Answer zipped = get("/assets/app-1a2b.js", {{"accept-encoding", "br, gzip"}});
    EXPECT_EQ(plain.header("Content-Encoding"), "");
    EXPECT_EQ(plain.header("Vary"), "Accept-Encoding");
    EXPECT_EQ(zipped.header("Content-Encoding"), "gzip");
    EXPECT_EQ(zipped.header("Vary"), "Accept-Encoding");
    EXPECT_NE(zipped.header("ETag"), plain.header("ETag"));
    EXPECT_EQ(zipped.response.body.substr(0, 2), "\x1f\x8b");
    EXPECT_LT(zipped.response.body.size(), script.size());
    EXPECT_EQ(get("/assets/app-1a2b.js", {{"accept-encoding", "gzip"}, {"if-none-match", plain.header("ETag")}}).status,
              200) << "the plain form's ETag does not stand for the compressed one";
    EXPECT_EQ(get("/icon.png", {{"accept-encoding", "gzip"}}).header("Content-Encoding"), "") << "no text";
    EXPECT_EQ(get("/index.html", {{"accept-encoding", "gzip"}}).header("Content-Encoding"), "") << "too small";
}

TEST(AcceptsGzip, ReadsWeights) {
    const auto accepts = [](const std::string &value) {
        Request request;
        request.headers = {{"accept-encoding", value}};
        return gateway::accepts_gzip(request);
    };
    for (const char *yes : {"gzip", "GZIP", "deflate, gzip;q=0.5", "gzip; q=0.001", "gzip;q=1"})
        EXPECT_TRUE(accepts(yes)) << yes;
    for (const char *no : {"", "br", "gzip;q=0", "gzip; q=0.000", "xgzip", "identity, gzip;q=0."})
        EXPECT_FALSE(accepts(no)) << no;
}
