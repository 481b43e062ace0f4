#include "trial.hpp"

#include <cerrno>
#include <chrono>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char** environ;

namespace caloforge {

namespace {

constexpr const char* program = "/caloforge/caloforge_trial";
constexpr int wall_seconds = 12 * trial_seconds;  // for a busy machine, or a process that waits for a disk
constexpr int nothing = -1;

/// Path of the trial program, which is built and installed beside this library.
std::string program_path() {
  Dl_info library;
  char whole[PATH_MAX];
  if (!dladdr(reinterpret_cast<const void*>(&try_in_child), &library) || !realpath(library.dli_fname, whole))
    throw Error("the library does not find its own path, and so cannot start the program that tries models");
  const std::string file = whole;
  return file.substr(0, file.rfind('/')) + program;
}

/// A pipe that other programs of the host do not inherit, and that is closed at the end.
struct Pipe {
  int ends[2] = {nothing, nothing};

  Pipe() {
    if (pipe(ends)) throw Error(std::string("no pipe can be made: ") + std::strerror(errno));
    for (const int end : ends) fcntl(end, F_SETFD, FD_CLOEXEC);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    for (int& end : ends) close_end(end);
  }
  static void close_end(int& end) {
    if (end != nothing) close(end);
    end = nothing;
  }
};

/// Start the program with its standard output in the pipe and no signal blocked.
pid_t start(const std::string& path, const std::string& model, const std::string& words, const Pipe& pipe) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t settings;
  sigset_t none;
  sigemptyset(&none);
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, pipe.ends[1], 1);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  posix_spawnattr_init(&settings);
  posix_spawnattr_setsigmask(&settings, &none);
  posix_spawnattr_setflags(&settings, POSIX_SPAWN_SETSIGMASK);
  char* arguments[] = {const_cast<char*>(path.c_str()), const_cast<char*>(model.c_str()),
                       const_cast<char*>(words.c_str()), nullptr};
  pid_t child = 0;
  const int failed = posix_spawn(&child, path.c_str(), &files, &settings, arguments, environ);
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&settings);
  if (failed)
    throw Error("the program that tries models, " + path + ", cannot be started (" + std::strerror(failed) +
                "); the option trial=skip opens a file that you trust without it");
  return child;
}

/// The output of the process until it ends; the process is killed if that takes too long.
std::string listen(pid_t child, int end) {
  using clock = std::chrono::steady_clock;
  const auto last = clock::now() + std::chrono::seconds(wall_seconds);
  std::string said;
  char block[4096];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(last - clock::now()).count();
    pollfd watched{end, POLLIN, 0};
    const int ready = left > 0 ? poll(&watched, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    const ssize_t n = ready > 0 ? read(end, block, sizeof block) : 0;
    if (ready <= 0) kill(child, SIGKILL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return said;
    said.append(block, static_cast<std::size_t>(n));
  }
}

/// The reason why a process without output has ended.
std::string reason(pid_t child) {
  int status = 0;
  pid_t done = 0;
  while ((done = waitpid(child, &status, 0)) < 0 && errno == EINTR) continue;
  if (done == child && WIFSIGNALED(status)) {
    if (WTERMSIG(status) == SIGXCPU) return "opening it takes over " + std::to_string(trial_seconds) + " seconds";
    if (WTERMSIG(status) == SIGKILL)
      return "opening it takes over " + std::to_string(wall_seconds) + " seconds, or all of the memory";
    return std::string("the library that runs it crashes on it (") + strsignal(WTERMSIG(status)) + ")";
  }
  return "the library that runs it crashes on it";
}

}  // namespace

void try_in_child(const std::string& path, const Options& options) {
  std::string words = options.precision == Precision::bf16 ? "precision=bf16" : "precision=f32";
  if (!options.runtime.empty()) words += " runtime=" + options.runtime;
  Pipe pipe;
  const pid_t child = start(program_path(), path, words, pipe);
  Pipe::close_end(pipe.ends[1]);
  const std::string said = listen(child, pipe.ends[0]);
  const std::string ended = reason(child);
  if (said != trial_passed) throw Error(said.empty() ? ended : said);
}

}  // namespace caloforge
