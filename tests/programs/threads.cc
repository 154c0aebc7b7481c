// SPDX-License-Identifier: Apache-2.0
// threads.cc -- many threads, every kind of new and delete, exceptions, blocks that one thread makes and
// another frees. Prints a sum that does not depend on the order.
#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace
{

struct alignas(128) Wide {
    explicit Wide(unsigned seed) : value(seed) {}
    unsigned value;
    char rest[124];
};

struct Refuses {
    explicit Refuses(unsigned seed) : text(200, 'x')
    {
        if (seed % 3 == 0) {
            throw std::runtime_error("refused " + std::to_string(seed));
        }
    }
    std::string text;
};

class Pipe
{
  public:
    void put(std::unique_ptr<std::string> text)
    {
        const std::lock_guard<std::mutex> guard(mutex_);

        texts_.push_back(std::move(text));
        ready_.notify_one();
    }

    std::unique_ptr<std::string> take()
    {
        std::unique_lock<std::mutex> guard(mutex_);

        ready_.wait(guard, [this] { return !texts_.empty(); });
        auto text = std::move(texts_.front());
        texts_.pop_front();
        return text;
    }

  private:
    std::mutex mutex_;
    std::condition_variable ready_;
    std::deque<std::unique_ptr<std::string>> texts_;
};

thread_local std::vector<int> kept_by_thread;
std::atomic<unsigned long long> sum;

unsigned long long work(unsigned seed, unsigned rounds, Pipe &pipe)
{
    std::map<unsigned, std::string> names;
    unsigned long long total = 0;

    for (unsigned round = 0; round < rounds; round++) {
        unsigned at = seed * 7919 + round;

        names[at % 61] += std::to_string(at);
        if (names[at % 61].size() > 100) {
            names.erase(at % 61);
        }
        std::unique_ptr<Wide> wide(new Wide(at));
        void *raw = ::operator new[](at % 700 + 1, std::align_val_t(64));

        total += wide->value % 11 + (reinterpret_cast<std::size_t>(raw) % 64);
        ::operator delete[](raw, std::align_val_t(64));
        ::operator delete(::operator new(at % 300, std::nothrow), std::nothrow);
        try {
            total += Refuses(at).text.size();
        } catch (const std::runtime_error &error) {
            total += std::string(error.what()).size();
        }
        if (round % 16 == 0) {
            pipe.put(std::make_unique<std::string>(std::to_string(at) + std::string(64, '.')));
        }
        kept_by_thread.push_back(static_cast<int>(at));
    }
    for (const auto &name : names) {
        total += name.second.size();
    }
    return total + kept_by_thread.size();
}

} // namespace

int main(int count, char **arguments)
{
    const unsigned thread_count = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 8;
    const unsigned rounds = count > 2 ? std::strtoul(arguments[2], nullptr, 10) : 2000;
    const unsigned generations = count > 3 ? std::strtoul(arguments[3], nullptr, 10) : 3;
    Pipe pipe;

    for (unsigned generation = 0; generation < generations; generation++) {
        std::vector<std::thread> threads;
        unsigned long long taken = 0;

        for (unsigned i = 0; i < thread_count; i++) {
            threads.emplace_back(
                [i, generation, rounds, &pipe] { sum += work(i + generation * 31, rounds, pipe); });
        }
        for (unsigned i = 0; i < thread_count * ((rounds + 15) / 16); i++) {
            taken += pipe.take()->size();
        }
        for (auto &thread : threads) {
            thread.join();
        }
        sum += taken;
    }
    try {
        std::vector<char> too_much(static_cast<std::size_t>(-1) / 2);
    } catch (const std::exception &error) {
        std::printf("refused: %s\n", error.what());
    }
    std::printf("sum %llu\n", sum.load());
    return 0;
}
