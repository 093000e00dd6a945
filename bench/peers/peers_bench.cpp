// The same chain and the same reads on a plain file, vhdlab, qemu and fio: asks
// every question in turn, prints the table, and adds the figures to a history.
// tools/bench-peers builds and runs it; bench/README.md says how to read the
// answers.
#include <algorithm>
#include <charconv>
#include <filesystem>
#include <iostream>
#include <map>
#include <optional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/resource.h>

#include "bench/peers/fio_peer.h"
#include "bench/peers/plain_peer.h"
#include "bench/peers/qemu_peer.h"
#include "bench/peers/questions.h"
#include "bench/peers/run_tool.h"
#include "bench/peers/vhdlab_peer.h"
#include "reports/export/render.h"
#include "reports/results/number_text.h"
#include "scenarios/runner/environment.h"

namespace vhdlab::peers {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view usage =
    "peers_bench [OPTION]...\n"
    "  --only NAME,...    questions (cached direct sequential chain "
    "merge-dense merge-scattered-2 merge-scattered-10\n"
    "                     merge-16 first-writes) or single figures\n"
    "  --repeats N        rounds (5)\n"
    "  --quick            qemu's chain stops at depth 128, measurements are "
    "shorter\n"
    "  --tiny             a small disk and a shallow chain: the form of the "
    "answers, not their values\n"
    "  --work DIR         where disks are made and kept (build/peers)\n"
    "  --history FILE     append the figures to this .jsonl file\n"
    "  --commit HASH      what the history says was measured\n"
    "  --seed N           (42)\n"
    "  --build-only       make the disks of the deep chain, measure nothing\n";

struct Settings {
  std::vector<std::string> only;
  uint32_t repeats = 5;
  bool quick = false;
  bool tiny = false;
  bool build_only = false;
  std::string work = "build/peers";
  std::string history;
  std::string commit;
  uint64_t seed = 42;
};

std::unexpected<Error> wrong_use(const std::string& what) {
  return failure(ErrorKind::invalid_argument, "peers-usage", what, "try --help");
}

Result<uint64_t> number_of(const std::string& text) {
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size())
    return wrong_use(text + " is not a whole number");
  return number;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

Result<Settings> parse(const std::vector<std::string>& words) {
  Settings settings;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--quick") {
      settings.quick = true;
    } else if (word == "--tiny") {
      settings.tiny = true;
    } else if (word == "--build-only") {
      settings.build_only = true;
    } else if (i + 1 == words.size()) {
      return wrong_use(word + ": unknown, or a value is missing");
    } else if (word == "--only") {
      settings.only = split(words[++i]);
    } else if (word == "--repeats") {
      settings.repeats = static_cast<uint32_t>(std::max<uint64_t>(1, TRY(number_of(words[++i]))));
    } else if (word == "--work") {
      settings.work = words[++i];
    } else if (word == "--history") {
      settings.history = words[++i];
    } else if (word == "--commit") {
      settings.commit = words[++i];
    } else if (word == "--seed") {
      settings.seed = TRY(number_of(words[++i]));
    } else {
      return wrong_use(word + ": unknown");
    }
  }
  return settings;
}

Bench bench_for(const Settings& settings) {
  Bench bench;
  bench.shape.seed = settings.seed;
  bench.duration = std::chrono::milliseconds(settings.quick ? 400 : 800);
  bench.qemu_depth_max = settings.quick ? 128 : 1000;
  if (settings.tiny) {
    bench.shape.disk_bytes = 32 * mib;
    bench.shape.depth_max = 8;
    bench.qemu_depth_max = 4;
    bench.duration = std::chrono::milliseconds(10);
    bench.merge_disk_bytes = 8 * mib;
    bench.first_writes = 1000;
  }
  bench.work_folder = (fs::absolute(settings.work) / bench.shape.key()).lexically_normal().string();
  fs::create_directories(bench.work_folder);
  bench.program = fs::read_symlink("/proc/self/exe").string();
  bench.plain = make_plain_peer(bench.work_folder);
  bench.vhdlab = make_vhdlab_peer(bench.work_folder);
  bench.places = make_places_peer(bench.work_folder);
  const std::string raw = bench.plain->files(0).front();
  if (has_tool("qemu-img") && has_tool("qemu-io")) {
    bench.qemu = make_qemu_peer(bench.work_folder, raw, bench.qemu_depth_max);
  }
  if (has_tool("fio")) bench.fio = make_fio_peer(raw);
  return bench;
}

Result<void> build_disks(Bench& bench) {
  for (Peer* peer :
       {bench.plain.get(), bench.vhdlab.get(), bench.places.get(), bench.qemu.get(), bench.fio.get()}) {
    if (peer == nullptr) continue;
    std::cerr << "making the disk of " << peer->name() << '\n';
    TRY(peer->build(bench.shape));
    const uint32_t deepest = peer == bench.qemu.get() ? std::min(bench.qemu_depth_max, bench.shape.depth_max)
                                                      : bench.shape.depth_max;
    TRY(peer->check(deepest));
  }
  return {};
}

std::vector<Question> all_questions(Bench& bench) {
  std::vector<Question> questions = {cached_reads(bench), direct_reads(bench), sequential_reads(bench),
                                     chain_cost(bench)};
  std::ranges::move(merges(bench), std::back_inserter(questions));
  questions.push_back(first_writes(bench));
  return questions;
}

// One row a figure, with qemu's value of the same run beside vhdlab's.
reports::Table table_of(const std::vector<Question>& questions,
                        const std::vector<reports::HistoryFigure>& figures, const std::string& title) {
  std::map<std::string, std::string> qemu_of;
  for (const Question& question : questions) {
    for (const FigureRule& rule : question.rules)
      qemu_of[rule.name] = rule.qemu;
  }
  reports::Table table{.title = title,
                       .note =
                           "median and range of the rounds; qemu: the same "
                           "figure within qemu, in this run",
                       .columns = {{"what", "what"},
                                   {"median", "median", true},
                                   {"range", "range", true},
                                   {"reach", "reach", true},
                                   {"met", "reached"},
                                   {"qemu", "qemu", true},
                                   {"notes", "notes"}},
                       .rows = {}};
  for (const reports::HistoryFigure& figure : figures) {
    const auto qemu = std::ranges::find(figures, qemu_of[figure.figure], &reports::HistoryFigure::figure);
    const std::string bound = figure.higher_is_better ? ">= " : "<= ";
    table.rows.push_back(
        {{.text = figure.what},
         {.text = reports::value_text(figure.median, figure.unit)},
         {.text = reports::span_text(figure.low, figure.high, figure.unit)},
         {.text = figure.reach ? bound + reports::value_text(*figure.reach, figure.unit) : ""},
         {.text = !figure.reach         ? ""
                  : figure.is_reached() ? "yes"
                                        : "no"},
         {.text = qemu == figures.end() ? "" : reports::value_text(qemu->median, qemu->unit)},
         {.text = fmt::format("{}", fmt::join(figure.notes, "; "))}});
  }
  return table;
}

reports::HistoryMachine machine_of(const std::string& folder) {
  const reports::Environment environment = scenarios::describe_environment(folder);
  return {environment.cpu, environment.cores, environment.kernel, environment.file_system};
}

Result<void> run(const Settings& settings) {
  Bench bench = bench_for(settings);
  TRY(build_disks(bench));
  if (settings.build_only) return {};

  const std::vector<Question> questions = all_questions(bench);
  const reports::HistoryMachine machine = machine_of(bench.work_folder);
  const std::string date = scenarios::utc_now();
  std::vector<reports::HistoryFigure> figures;
  std::vector<std::string> not_measured;
  for (const Question& question : questions) {
    Answers answers = TRY_IN(question.name, answer(question, settings.repeats, settings.only, std::cerr));
    for (reports::HistoryFigure& figure : answers.figures) {
      figure.seed = settings.seed;
      figure.commit = settings.commit;
      figure.date = date;
      figure.machine = machine;
      figures.push_back(std::move(figure));
    }
    std::ranges::move(answers.not_measured, std::back_inserter(not_measured));
  }
  if (figures.empty() && not_measured.empty()) return wrong_use("--only names no question and no figure");

  std::cout << reports::table_as_markdown(
      table_of(questions, figures,
               fmt::format("{}; commit {}; seed {}", machine.text(), settings.commit, settings.seed)));
  for (const std::string& line : not_measured)
    std::cout << "- not measured: " << line << '\n';
  if (!settings.history.empty()) TRY(reports::append_history(settings.history, figures));
  return {};
}

// A thousand layers are a thousand open files: as many as the system lets us
// ask for.
void raise_file_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

int end_of(const Result<void>& done) {
  if (done) return 0;
  std::cerr << "peers_bench: " << done.error().text() << '\n';
  return done.error().kind == ErrorKind::invalid_argument ? 2 : 1;
}

int run_process(const std::vector<std::string>& words) {
  constexpr uint64_t usual_limit = 1024;  // what a shell on Debian begins with
  if (std::ranges::any_of(words, [](const auto& word) { return word == "--help" || word == "-h"; })) {
    std::cout << usage;
    return 0;
  }
  if (words.size() == 2 && words[0] == "--probe-limit") {
    std::cout << open_within_limit(words[1], usual_limit);
    return 0;
  }
  raise_file_limit();
  if (words.size() == 2 && words[0] == "--probe-memory") return end_of(read_whole_chain(words[1]));
  const Result<Settings> settings = parse(words);
  if (!settings) return end_of(std::unexpected(settings.error()));
  return end_of(run(*settings));
}

}  // namespace
}  // namespace vhdlab::peers

int main(int argument_count, char** arguments) {
  return vhdlab::peers::run_process(
      std::vector<std::string>(arguments + (argument_count > 0 ? 1 : 0), arguments + argument_count));
}
