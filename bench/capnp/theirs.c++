// SPDX-License-Identifier: MIT
//
// What messages cost with the stock Cap'n Proto library for C++: the same work as
// ours.c does, row by row, on the same schema and data.

#include <capnp/message.h>
#include <capnp/serialize.h>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "capos.capnp.h"

namespace {

constexpr unsigned SERVICES = 64;
constexpr unsigned GRANTS = 4;

capnp::word scratch[8192];

// What reads read: a copy, because a builder clears its scratch space in the end.
capnp::word kept[8192];
std::size_t keptWords;
bool keep;

template <typename Fill> std::uint64_t build(Fill fill)
{
    capnp::MallocMessageBuilder message(kj::arrayPtr(scratch, 8192));
    fill(message);
    auto words = message.getSegmentsForOutput()[0];
    if (keep) {
        std::memcpy(kept, words.begin(), words.size() * sizeof(capnp::word));
        keptWords = words.size();
    }
    return words.size() * sizeof(capnp::word);
}

std::uint64_t smallBuild()
{
    return build([](capnp::MessageBuilder &message) {
        message.initRoot<Console::WriteLineParams>().setText("a line of thirty-two characters.");
    });
}

std::uint64_t largeBuild()
{
    return build([](capnp::MessageBuilder &message) {
        auto manifest = message.initRoot<Manifest>();
        manifest.setSchemaVersion(1);
        auto services = manifest.initServices(SERVICES);
        for (unsigned i = 0; i < SERVICES; i++) {
            auto service = services[i];
            service.setName("a-service");
            service.setBinary("its-binary");
            auto caps = service.initCaps(GRANTS);
            for (unsigned k = 0; k < GRANTS; k++) {
                caps[k].setName("console");
                caps[k].setInterfaceId(0xf0a4b1c86d2e7395 + k);
                caps[k].getSource().setKernel(KernelObject::CONSOLE);
                caps[k].setBadge(k);
            }
            auto restart = service.initRestart();
            restart.setPolicy(Restart::Policy::ALWAYS);
            restart.setCount(3);
            auto ring = service.initRing();
            ring.setSqEntries(64);
            ring.setCqEntries(128);
            ring.setAreaBytes(65536);
        }
    });
}

template <typename Root, typename Sum> std::uint64_t read(Sum sum)
{
    kj::ArrayPtr<const capnp::word> segments[1] = {kj::arrayPtr(kept, keptWords)};
    capnp::SegmentArrayMessageReader message(segments);
    return sum(message.getRoot<Root>());
}

std::uint64_t smallRead()
{
    return read<Console::WriteLineParams>(
        [](Console::WriteLineParams::Reader params) { return params.getText().size(); });
}

std::uint64_t largeRead()
{
    return read<Manifest>([](Manifest::Reader manifest) {
        std::uint64_t sum = manifest.getSchemaVersion();
        for (auto service : manifest.getServices()) {
            sum += service.getName().size() + service.getBinary().size();
            for (auto grant : service.getCaps()) {
                sum += grant.getName().size() + grant.getInterfaceId() +
                       static_cast<std::uint64_t>(grant.getSource().getKernel()) +
                       grant.getBadge();
            }
            auto restart = service.getRestart();
            auto ring = service.getRing();
            sum += static_cast<std::uint64_t>(restart.getPolicy()) + restart.getCount() +
                   ring.getSqEntries() + ring.getCqEntries() + ring.getAreaBytes();
        }
        return sum;
    });
}

const struct {
    const char *name;
    std::uint64_t (*prepare)();
    std::uint64_t (*run)();
} rows[] = {
    {"small-build", smallBuild, smallBuild},
    {"small-read", smallBuild, smallRead},
    {"large-build", largeBuild, largeBuild},
    {"large-read", largeBuild, largeRead},
};

} // namespace

int main(int argc, char **argv)
{
    if (argc != 3) {
        std::fprintf(stderr, "usage: %s ROW N\n", argv[0]);
        return 2;
    }
    unsigned long n = std::strtoul(argv[2], nullptr, 10);
    for (const auto &row : rows) {
        if (std::strcmp(argv[1], row.name) != 0) {
            continue;
        }
        std::uint64_t sum = 0;
        keep = true;
        row.prepare();
        keep = false;
        for (unsigned long k = 0; k < n; k++) {
            sum += row.run();
        }
        std::printf("%llu\n", static_cast<unsigned long long>(sum));
        return 0;
    }
    std::fprintf(stderr, "%s: there is no row %s\n", argv[0], argv[1]);
    return 2;
}
