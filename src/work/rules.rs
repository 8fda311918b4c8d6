//! The table: what programs do, and what files are. All that is known of either stands here, and what a policy adds.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use globset::GlobMatcher;

use crate::model::WorkClass;
use crate::shell::quick::Simple;

/// What a command does, as far as a class of work can be told by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Does {
    /// Tells something, and changes nothing.
    Reads,
    /// Shows a change that exists.
    Judges,
    /// Tells others what somebody thinks of a change.
    Comments,
    /// Runs tests, checks of behaviour or benchmarks.
    Tests,
    /// Puts tests in order without being told how: snapshots that are renewed.
    RenewsTests,
    /// Compiles, lints, formats: belongs to whatever else is done.
    Builds,
    /// Changes what the project stands on: versions, schemas, names.
    Migrates,
    /// Makes texts for readers out of code.
    Documents,
    /// Changes the code by itself.
    Edits,
    /// Keeps a repository, a machine or a service in order; waits.
    Chores,
    /// Writes the files that it names: the rewriting programs, whose words are looked at.
    Rewrites,
    /// Nothing by itself: `cd`, `echo`, `true`.
    Nothing,
}

use Does::{
    Builds, Chores, Comments, Documents, Edits, Judges, Migrates, Nothing, Reads, RenewsTests, Rewrites, Tests,
};

/// A program and the first words behind it, and what that does. A word that begins with `-` stands anywhere; `*` at the end of
/// a word is any ending, alone any word; the first that fits counts, so the narrower stands before the wider.
const COMMANDS: &[(&str, Does)] = &[
    // Looking.
    (
        "cat|bat|less|more|head|tail|nl|wc|tac|od|xxd|hexdump|strings|file|stat|jq|yq|column|cut|sort|uniq|tr|diff|cmp|comm|paste|fold",
        Reads,
    ),
    (
        "ls|ll|tree|find|fd|fdfind|rg|grep|egrep|fgrep|ag|ack|ast-grep|locate|which|whereis|type|realpath|readlink|dirname|basename|pwd",
        Reads,
    ),
    (
        "du|df|ps|ss|netstat|lsof|top|free|uname|whoami|id|date|env|printenv|hostname|uptime|dmesg|journalctl|nproc|lscpu",
        Reads,
    ),
    ("man|tldr|info|help|w3m|lynx|dig|nslookup|ping|host|whois|traceroute", Reads),
    (
        "cloc|tokei|scc|sloccount|ctags|cscope|objdump|nm|readelf|ldd|pdftotext|tesseract|exiftool|identify|sha256sum|md5sum",
        Reads,
    ),
    ("curl -X|curl --request|curl -d|curl --data*|curl -T|curl -F", Chores),
    ("curl|wget|http|xh", Reads),
    (
        "cd|pushd|popd|echo|printf|true|false|:|test|[|[[|export|set|unset|local|for|in|done|fi|case|esac|break|continue|exit|return|function|}|shopt|trap|read|source|.|alias|ulimit|umask|wait",
        Nothing,
    ),
    // Changes that exist.
    (
        "git diff|git show|git range-diff|git format-patch|git cherry|git log -p|git log --patch|git log -u|git whatchanged|git difftool|git apply --check|git apply --stat|git merge-tree|git interdiff",
        Judges,
    ),
    ("gh pr diff|gh pr checks|glab mr diff|hub pr show|tig|delta|interdiff|difft|lsdiff|diffstat", Judges),
    ("gh pr view|gh pr checkout|gh pr list|gh pr status|glab mr view|glab mr checkout", Judges),
    ("gh pr review|gh pr comment|glab mr note|glab mr approve|codex review", Comments),
    (
        "git log|git blame|git grep|git status|git ls-files|git ls-tree|git rev-parse|git branch -a|git branch -r|git branch --show-current|git branch -v|git branch --list|git remote -v|git shortlog|git describe|git cat-file|git reflog|git rev-list|git merge-base|git bisect|git config --get|git config -l|git name-rev|git for-each-ref|git tag -l|git stash list|git stash show|git count-objects|git check-ignore|git worktree list|git annotate",
        Reads,
    ),
    (
        "gh issue view|gh issue list|gh run view|gh run list|gh api|gh search|gh repo view|gh release view|gh release list|glab issue view",
        Reads,
    ),
    // Repositories, releases.
    ("git mv", Rewrites),
    ("git rm|git restore|git checkout --|git apply|git am|git revert|git cherry-pick", Chores),
    ("git|hub|gh|glab|hg|svn|jj", Chores),
    (
        "npm publish|pnpm publish|yarn publish|cargo publish|twine|gem push|goreleaser|semantic-release|changeset|npm version|poetry publish|mvn deploy|mvn release*",
        Chores,
    ),
    // Tests and benchmarks.
    ("jest -u|jest --updateSnapshot|vitest -u|vitest --update|pytest --snapshot-update|cargo insta|insta", RenewsTests),
    (
        "pytest|py.test|unittest|tox|nox|nose2|behave|jest|vitest|mocha|ava|tap|karma|jasmine|cypress|playwright|rspec|minitest|phpunit|pest|ctest|nextest|gotestsum|ginkgo|bats|pg_prove|prove|busted|newman|k6|locust|ab|wrk|hey|vegeta|siege|hyperfine|perf|criterion|pytest-benchmark|asv|valgrind|mutmut|stryker|coverage|codecov|c8|nyc|kcov|lcov|robot|testcafe|detox|storybook-test|wdio|shellspec|conftest|terratest|promtool test*|opa test",
        Tests,
    ),
    (
        "cargo test|cargo nextest|cargo bench|cargo t|cargo mutants|cargo tarpaulin|cargo llvm-cov|cargo miri|cargo fuzz",
        Tests,
    ),
    (
        "go test|go tool cover|npm test|npm t|npm run test*|npm run e2e*|npm run bench*|npm run cypress*|pnpm test*|pnpm e2e*|pnpm bench*|pnpm t|yarn test*|yarn e2e*|yarn bench*|bun test|deno test|deno bench|make test*|make check*|make bench*|just test*|just check*|just bench*|task test*|mvn test|mvn verify|mvn surefire*|mvnw test|mvnw verify|gradle test|gradle check|gradlew test|gradlew check|gradlew bench*|dotnet test|bazel test|buck2 test|mix test|swift test|rake test|rake spec|rails test|rails spec*|sbt test|lein test|stack test|cabal test|dune test|zig test|flutter test|dart test|composer test|php artisan test|manage.py test|django-admin test|nox -s|meson test|ninja test|docker compose run test*|bundle exec rspec|helm test|terraform test|molecule test|forge test|hardhat test",
        Tests,
    ),
    // Versions, schemas, names.
    ("cargo update|cargo upgrade|cargo fix --edition|cargo remove", Migrates),
    (
        "npm update|npm upgrade|npm uninstall|npm remove|npm rm|npm un|npm audit fix|npm dedupe|pnpm update|pnpm up|pnpm upgrade|pnpm remove|yarn upgrade*|yarn up|yarn remove|yarn set version|bun update|bun remove|ncu|npm-check-updates|corepack use",
        Migrates,
    ),
    ("npm install *@*|npm i *@*|pnpm add *@*|yarn add *@*|bun add *@*", Migrates),
    ("go get -u|go get *@*|go fix|go mod edit", Migrates),
    (
        "pip install -U|pip install --upgrade|pip-compile --upgrade|pip-review|pip-upgrade|poetry update|poetry remove|uv lock --upgrade|uv remove|pdm update|pur|bundle update|composer update|composer require *:*|dotnet outdated|dotnet-outdated|dotnet upgrade-assistant|upgrade-assistant|mix deps.update|swift package update|pod update|flutter pub upgrade|dart pub upgrade|gem update",
        Migrates,
    ),
    (
        "mvn versions*|mvn *rewrite*|mvn *:rewrite*|mvnw *rewrite*|gradle rewrite*|gradlew rewrite*|gradlew wrapper|gradle wrapper|mvn -N wrapper*",
        Migrates,
    ),
    (
        "jscodeshift|codemod|*-codemod|ts-migrate|2to3|pyupgrade|python-modernize|futurize|modernize|django-upgrade|flynt|bump-pydantic|comby|gofmt -r|gopls rename|semgrep --autofix|semgrep --fix|rector|sorald|lebab|cjs-to-es6|ng update|@angular/cli update|@next/codemod|next-codemod|react-codemod|vue-codemod|svelte-migrate|sv migrate|storybook upgrade|eslint-migrate-config|@eslint/migrate-config|jest-codemods|migrate|tailwindcss upgrade|@tailwindcss/upgrade|biome migrate|nx migrate|expo upgrade|rails app:update|scala-cli fix|scalafix|cargo-edition|update-deps|renovate",
        Migrates,
    ),
    (
        "alembic upgrade|alembic downgrade|alembic revision|alembic stamp|flyway migrate|flyway|liquibase|dbmate|goose|golang-migrate|atlas|sqitch|knex migrate*|prisma migrate|prisma db|sequelize db:migrate*|typeorm migration*|drizzle-kit|sqlx migrate|diesel migration|sea-orm-cli migrate|refinery|rails db:migrate*|rake db:migrate*|rails g migration|rails generate migration|manage.py migrate|manage.py makemigrations|django-admin makemigrations|php artisan migrate*|mix ecto.migrate|mix ecto.gen.migration|dotnet ef|ef migrations|yoyo|aerich|pgloader|pt-online-schema-change|gh-ost|kubectl convert|pluto|helm mapkubeapis",
        Migrates,
    ),
    (
        "terraform init -upgrade|terraform state mv|terraform state replace-provider|tofu init -upgrade|terraform 0.13upgrade",
        Migrates,
    ),
    // Texts out of code.
    (
        "terraform-docs|typedoc|jsdoc|sphinx-build|sphinx-apidoc|sphinx-quickstart|mkdocs|docusaurus|vitepress|mdbook|doxygen|pdoc|pydoc-markdown|javadoc|godoc|gomarkdoc|helm-docs|swagger-cli|redocly|redoc-cli|openapi-generator|widdershins|antora|asciidoctor|pandoc|git-cliff|conventional-changelog|auto-changelog|standard-changelog|markdownlint|markdownlint-cli|markdownlint-cli2|mdl|vale|alex|write-good|cspell|codespell|aspell|markdown-link-check|lychee|rustdoc|dokka|yard|rdoc|compodoc|api-extractor|api-documenter|all-contributors|doctoc|markdown-toc|mermaid|mmdc|plantuml|dot",
        Documents,
    ),
    (
        "cargo doc|go doc|npm run docs*|npm run doc*|yarn docs*|pnpm docs*|make docs*|make html|make doc*|mvn javadoc*|gradle javadoc|gradlew javadoc|gradlew dokka*|mix docs|dart doc|swift package generate-documentation|bundle exec jekyll|jekyll",
        Documents,
    ),
    // Compilers, linters, formatters: they belong to whatever else is done.
    (
        "prettier --write|prettier -w|eslint --fix|ruff check --fix|ruff --fix|ruff format|black|isort|autopep8|yapf|cargo fmt|cargo fix|cargo clippy --fix|rustfmt|gofmt -w|goimports -w|clang-format -i|biome format --write|biome check --write|biome check --apply|stylelint --fix|rubocop -a|rubocop -A|rubocop --auto*|terraform fmt|ktlint -F|spotless*|shfmt -w|npm run format*|npm run lint:fix|dotnet format|mix format|php-cs-fixer|swiftformat|npm pkg set|npm init|npm create|cargo init|cargo new|cargo add|npm run generate*|protoc|buf generate|go generate|go mod init|go mod tidy|uv add|poetry add|uv init|poetry init|django-admin startapp|manage.py startapp|rails g|rails generate|ng generate|nest generate|dotnet new|dotnet add|patch|ed|crudini",
        Edits,
    ),
    (
        "cc|gcc|g++|c++|clang|clang++|clang-tidy|rustc|javac|tsc|swc|babel|esbuild|vite|webpack|rollup|parcel|turbo|nx|lerna|next|nuxt|astro|eslint|ruff|flake8|pylint|mypy|pyright|pyre|bandit|semgrep|golangci-lint|staticcheck|shellcheck|hadolint|yamllint|actionlint|rubocop|sorbet|stylelint|biome|prettier|gofmt|goimports|clang-format|shfmt|cmake|meson|ninja|configure|autoreconf|bazel|buck2|dotnet build|dotnet|gradle|gradlew|mvn|mvnw|sbt|ant|cargo|go|swift|zig|mix|dune|cabal|stack|ghc|kotlinc|scalac|tflint|checkov|tfsec|trivy|terraform validate|terraform plan|tofu validate|tofu plan|ansible-lint|ansible-playbook --check|ansible-playbook --syntax-check|helm lint|helm template|kubeval|kubeconform|promtool|opa|sqlfluff|luacheck|php|phpstan|psalm|ktlint|detekt|swiftlint|buf|protolint|make|just|task|rake|npm run|pnpm|yarn|bun|deno|bundle exec",
        Builds,
    ),
    // Machines, services, environments.
    (
        "npm view|npm info|npm show|npm search|npm ls|npm list|npm outdated|npm audit|npm explain|npm why|npm docs|pip show|pip list|pip index|pip freeze|pip search|pipdeptree|cargo tree|cargo search|cargo metadata|cargo info|cargo outdated|go list|go mod graph|go mod why|go version|go env|mvn dependency*|mvnw dependency*|gradle dependencies|gradlew dependencies|poetry show|uv tree|uv pip list|yarn why|yarn info|yarn list|pnpm why|pnpm list|pnpm ls|pnpm outdated|yarn outdated|bundle outdated|gem list|composer show|apt show|apt list|apt-cache|apt search|brew info|brew search|dpkg -l|dpkg -L|dotnet list|docker ps|docker images|docker logs|docker inspect|docker compose ps|docker compose logs|docker compose config|kubectl get|kubectl describe|kubectl logs|kubectl top|kubectl explain|helm list|helm get|helm status|helm show|helm search|terraform show|terraform output|terraform state list|terraform state show|terraform providers|aws * describe*|aws * list*|aws * get*|aws s3 ls|gcloud * describe|gcloud * list|az * show|az * list|systemctl status|systemctl list*|systemctl show|systemctl cat|crontab -l|nginx -T|nginx -t|redis-cli get|redis-cli info|tshark|tcpdump|strace|ltrace",
        Reads,
    ),
    (
        "npm|pip|pip3|pipx|uv|poetry|pdm|pipenv|conda|mamba|virtualenv|bundle|gem|composer|apt|apt-get|dpkg|brew|yum|dnf|apk|pacman|snap|nix|nix-shell|rustup|nvm|fnm|pyenv|rbenv|asdf|mise|volta|direnv|corepack|pre-commit|husky|pod|flutter|dart|luarocks|opam|sdk|sdkmanager",
        Chores,
    ),
    (
        "docker|podman|docker-compose|kubectl|helm|kustomize|terraform|tofu|pulumi|ansible*|vagrant|packer|aws|gcloud|az|fly|flyctl|heroku|vercel|netlify|wrangler|firebase|serverless|sls|sam|cdk|systemctl|service|supervisorctl|pm2|nginx|caddy|apachectl|certbot|ssh|scp|rsync|sftp|rclone|s3cmd|mc|pg_dump|pg_restore|pg_dumpall|mysqldump|mongodump|mongorestore|redis-cli|createdb|dropdb|crontab|at|launchctl|kill|pkill|killall|sleep|watch|nohup|screen|tmux|chmod|chown|chgrp|ln|tar|zip|unzip|gzip|gunzip|7z|convert|magick|ffmpeg|optipng|cwebp|gpg|openssl|ssh-keygen|ufw|iptables|mount|umount|useradd|usermod|passwd|su|op|vault|uvicorn|gunicorn|flask|nodemon|http-server|serve|rails s|rails server|mkdir|touch|dd|truncate|uwsgi|*deploy*|*backup*|*release*|*publish*|activate",
        Chores,
    ),
    // Databases: asking reads; a file that is fed to one is looked at as a file that is run.
    ("psql -f|psql --file", Rewrites),
    ("psql|mysql|sqlite3|mongosh|mongo|duckdb|clickhouse-client|sqlcmd|bq|usql|pgcli|snowsql", Reads),
    // Writers.
    (
        "sed|gsed|perl|awk|gawk|ruby|python|python3|node|tee|cp|mv|rm|install|apply_patch|sponge|ex|vim|nano|truncate",
        Rewrites,
    ),
];

/// What stands between a launcher and the program: `npx`, `uv run`, `python -m`.
pub(super) const LAUNCHERS: &[&str] = &[
    "npx -y",
    "npx --yes",
    "npx",
    "bunx",
    "pnpm exec",
    "pnpm dlx",
    "pnpm -r exec",
    "pnpm run",
    "yarn dlx",
    "yarn run",
    "yarn exec",
    "npm exec --",
    "npm exec",
    "npm x",
    "uv run",
    "uvx",
    "pipx run",
    "poetry run",
    "pipenv run",
    "pdm run",
    "hatch run",
    "rye run",
    "bundle exec",
    "php artisan",
    "python -m",
    "python3 -m",
    "py -m",
    "python manage.py",
    "python3 manage.py",
    "node --test",
    "docker compose exec",
    "docker-compose exec",
    "composer exec",
    "deno run",
    "go run",
    "dotnet tool run",
    "conda run",
    "mise exec --",
    "nix-shell --run",
    "rtk",
];

/// How each of them begins: most commands begin otherwise.
static LAUNCH: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| LAUNCHERS.iter().filter_map(|launcher| launcher.split(' ').next()).collect());

/// The word may begin a launcher.
pub(super) fn may_launch(word: &str) -> bool {
    LAUNCH.contains(word)
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Not the project's: below `/tmp`, or outside its folder.
    Scratch,
    /// A step of a schema.
    Migration,
    /// A test, its data, or its settings.
    Test,
    /// A text for readers.
    Document,
    /// Which versions the project stands on.
    Manifest,
    /// The same, written by a program.
    Lock,
    /// Everything else: code, scripts, settings.
    Code,
}

/// Folders that say what is in them, narrower ones first.
pub(super) const FOLDERS: &[(&str, Kind)] = &[
    ("migrations", Kind::Migration),
    ("migration", Kind::Migration),
    ("migrate", Kind::Migration),
    ("alembic", Kind::Migration),
    ("flyway", Kind::Migration),
    ("changelogs", Kind::Migration),
    ("test", Kind::Test),
    ("tests", Kind::Test),
    ("__tests__", Kind::Test),
    ("__snapshots__", Kind::Test),
    ("__mocks__", Kind::Test),
    ("__fixtures__", Kind::Test),
    ("spec", Kind::Test),
    ("specs", Kind::Test),
    ("testing", Kind::Test),
    ("testdata", Kind::Test),
    ("test-data", Kind::Test),
    ("fixtures", Kind::Test),
    ("e2e", Kind::Test),
    ("cypress", Kind::Test),
    ("integration-tests", Kind::Test),
    ("bench", Kind::Test),
    ("benches", Kind::Test),
    ("benchmarks", Kind::Test),
    ("doc", Kind::Document),
    ("docs", Kind::Document),
    ("documentation", Kind::Document),
    ("adr", Kind::Document),
    ("runbooks", Kind::Document),
    ("wiki", Kind::Document),
    ("man", Kind::Document),
];

/// Names of files; `*` at one end is any beginning or ending. The first that fits counts.
const NAMES: &[(&str, Kind)] = &[
    ("package-lock.json", Kind::Lock),
    ("npm-shrinkwrap.json", Kind::Lock),
    ("pnpm-lock.yaml", Kind::Lock),
    ("yarn.lock", Kind::Lock),
    ("bun.lockb", Kind::Lock),
    ("go.sum", Kind::Lock),
    (".terraform.lock.hcl", Kind::Lock),
    ("*.lock", Kind::Lock),
    ("package.json", Kind::Manifest),
    ("Cargo.toml", Kind::Manifest),
    ("pom.xml", Kind::Manifest),
    ("go.mod", Kind::Manifest),
    ("requirements*", Kind::Manifest),
    ("constraints*", Kind::Manifest),
    ("pyproject.toml", Kind::Manifest),
    ("setup.py", Kind::Manifest),
    ("setup.cfg", Kind::Manifest),
    ("Pipfile", Kind::Manifest),
    ("Gemfile", Kind::Manifest),
    ("*.gemspec", Kind::Manifest),
    ("composer.json", Kind::Manifest),
    ("build.gradle*", Kind::Manifest),
    ("settings.gradle*", Kind::Manifest),
    ("libs.versions.toml", Kind::Manifest),
    ("gradle.properties", Kind::Manifest),
    ("gradle-wrapper.properties", Kind::Manifest),
    ("*.csproj", Kind::Manifest),
    ("*.fsproj", Kind::Manifest),
    ("Directory.Packages.props", Kind::Manifest),
    ("global.json", Kind::Manifest),
    ("mix.exs", Kind::Manifest),
    ("Package.swift", Kind::Manifest),
    ("Podfile", Kind::Manifest),
    ("pubspec.yaml", Kind::Manifest),
    ("versions.tf", Kind::Manifest),
    ("tsconfig*", Kind::Manifest),
    (".nvmrc", Kind::Manifest),
    (".tool-versions", Kind::Manifest),
    (".python-version", Kind::Manifest),
    (".node-version", Kind::Manifest),
    (".ruby-version", Kind::Manifest),
    ("rust-toolchain*", Kind::Manifest),
    ("environment.yml", Kind::Manifest),
    ("Chart.yaml", Kind::Manifest),
    ("conftest.py", Kind::Test),
    ("test_*", Kind::Test),
    ("tests.*", Kind::Test),
    ("*_test.go", Kind::Test),
    ("*_test.py", Kind::Test),
    ("*_test.rs", Kind::Test),
    ("*_test.sql", Kind::Test),
    ("*_tests.rs", Kind::Test),
    ("*_spec.rb", Kind::Test),
    ("*_test.*", Kind::Test),
    ("*.test.*", Kind::Test),
    ("*.spec.*", Kind::Test),
    ("*.cy.*", Kind::Test),
    ("*.bench.*", Kind::Test),
    ("*Test.java", Kind::Test),
    ("*Tests.java", Kind::Test),
    ("*IT.java", Kind::Test),
    ("*Test.kt", Kind::Test),
    ("*Spec.scala", Kind::Test),
    ("*Tests.cs", Kind::Test),
    ("*Test.php", Kind::Test),
    ("*Tests.swift", Kind::Test),
    ("*.snap", Kind::Test),
    ("*.feature", Kind::Test),
    ("*.bats", Kind::Test),
    ("pytest.ini", Kind::Test),
    ("tox.ini", Kind::Test),
    (".coveragerc", Kind::Test),
    ("jest.config.*", Kind::Test),
    ("vitest.config.*", Kind::Test),
    ("playwright.config.*", Kind::Test),
    ("karma.conf.*", Kind::Test),
    ("codecov.yml", Kind::Test),
    ("README*", Kind::Document),
    ("CHANGELOG*", Kind::Document),
    ("CHANGES*", Kind::Document),
    ("CONTRIBUTING*", Kind::Document),
    ("LICENSE*", Kind::Document),
    ("NOTICE*", Kind::Document),
    ("AUTHORS*", Kind::Document),
    ("HISTORY*", Kind::Document),
    ("mkdocs.yml", Kind::Document),
    ("openapi.*", Kind::Document),
    ("*.md", Kind::Document),
    ("*.mdx", Kind::Document),
    ("*.rst", Kind::Document),
    ("*.adoc", Kind::Document),
    ("*.tex", Kind::Document),
    ("*.1", Kind::Document),
];

/// Whole names, and patterns in their order.
type Named = (HashMap<&'static str, Kind>, Vec<(&'static str, Kind)>);

/// [`NAMES`] by how quickly they can be looked up: whole names, and those that are patterns.
static NAMED: LazyLock<Named> = LazyLock::new(|| {
    let (patterns, whole): (Vec<_>, Vec<_>) = NAMES.iter().copied().partition(|(name, _)| name.contains('*'));
    (whole.into_iter().collect(), patterns)
});

/// What a file's name says. A whole name says more than a pattern.
pub(super) fn named(name: &str) -> Option<Kind> {
    let (whole, patterns) = &*NAMED;
    let by_pattern = || patterns.iter().find(|(pattern, _)| is_like(pattern, name)).map(|(_, kind)| *kind);
    whole.get(name).copied().or_else(by_pattern)
}

/// What begins a comment, by the ending of a file's name.
pub(super) const COMMENTS: &[(&str, &[&str])] = &[
    ("py|pyi", &["#", "\"\"\"", "'''"]),
    (
        "sh|bash|zsh|rb|yml|yaml|toml|tf|hcl|pl|r|jl|ex|exs|nix|mk|conf|cfg|properties|dockerfile|makefile|graphql",
        &["#"],
    ),
    ("sql|lua|hs|elm|ada", &["--", "/*", "*"]),
    ("html|xml|vue|svelte|md", &["<!--", "-->"]),
    (
        "rs|c|h|cc|cpp|hpp|cs|java|kt|kts|scala|go|js|jsx|ts|tsx|mjs|cjs|swift|dart|php|css|scss|less|zig|m|proto|groovy|gradle|v|sv",
        &["//", "/*", "*"],
    ),
];

struct Rule {
    words: Vec<&'static str>,
    /// The first of them that is no option and no pattern: most rules are told apart by it.
    first: Option<&'static str>,
    does: Does,
}

/// By the program's name; those that name none exactly stand under the empty one.
static TABLE: LazyLock<HashMap<&'static str, Vec<Rule>>> = LazyLock::new(|| {
    let mut table: HashMap<&'static str, Vec<Rule>> = HashMap::new();
    for (patterns, does) in COMMANDS {
        for pattern in patterns.split('|') {
            let mut words = pattern.split(' ');
            let program = words.next().unwrap_or_default();
            let (key, head) = if program.contains('*') { ("", Some(program)) } else { (program, None) };
            let words: Vec<&str> = head.into_iter().chain(words).collect();
            let first = words.iter().find(|word| !word.starts_with('-')).filter(|word| !word.contains('*')).copied();
            table.entry(key).or_default().push(Rule { words, first, does: *does });
        }
    }
    table
});

/// What a command does by the table; `None` for a program that it does not have.
pub(super) fn does(words: &[&str]) -> Option<Does> {
    let (program, arguments) = words.split_first()?;
    let begins = arguments.iter().find(|word| !word.starts_with(['-', '+']));
    let may_fit = |rule: &&Rule| rule.first.is_none_or(|first| begins == Some(&first));
    let mut exact = TABLE.get(program).into_iter().flatten().filter(may_fit);
    let found = exact.find(|rule| fits(&rule.words, arguments)).map(|rule| rule.does);
    found.or_else(|| {
        let wide = TABLE.get("").into_iter().flatten();
        wide.into_iter().find(|rule| fits(&rule.words, words)).map(|rule| rule.does)
    })
}

fn fits(wanted: &[&str], arguments: &[&str]) -> bool {
    let mut plain = arguments.iter().filter(|word| !word.starts_with(['-', '+']));
    wanted.iter().all(|word| match word.starts_with('-') {
        true => arguments.iter().any(|argument| has_flag(argument, word)),
        false => plain.next().is_some_and(|argument| is_like(word, argument)),
    })
}

/// `-p` is in `-p` and `-np`, `--patch` in `--patch` and `--patch=x`.
fn has_flag(argument: &str, flag: &str) -> bool {
    let letter = flag.strip_prefix('-').filter(|rest| rest.len() == 1);
    match letter {
        Some(letter) => {
            argument.starts_with('-') && !argument.starts_with("--") && argument.len() <= 5 && argument.contains(letter)
        }
        None => {
            argument == flag || argument.strip_prefix(flag).is_some_and(|rest| rest.starts_with('=')) || {
                flag.strip_suffix('*').is_some_and(|start| argument.starts_with(start))
            }
        }
    }
}

/// A word with `*` in it: any text there.
pub(super) fn is_like(pattern: &str, word: &str) -> bool {
    // Most patterns begin or end otherwise, and that is seen at once.
    let (first, last) = (pattern.as_bytes().first(), pattern.as_bytes().last());
    let begins = first == Some(&b'*') || first == word.as_bytes().first();
    let ends = last == Some(&b'*') || last == word.as_bytes().last();
    if !begins || !ends {
        return pattern.is_empty() && word.is_empty();
    }
    match pattern.split_once('*') {
        None => pattern == word,
        Some((start, end)) => word.strip_prefix(start).is_some_and(|rest| match end.contains('*') {
            // `*deploy*`, `*.test.*`: what stands between two stars is in it.
            true => rest.contains(end.trim_end_matches('*')) && !end.trim_end_matches('*').is_empty(),
            false => rest.len() >= end.len() && rest.ends_with(end),
        }),
    }
}

/// What a policy adds to the table. It stands before it.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// In the order in which they are written; the first that fits counts.
    pub rules: Vec<OwnRule>,
    /// A person said what it is, whatever it does: `--work review`.
    pub said: Option<WorkClass>,
}

/// One `[[work]]` of a policy.
#[derive(Clone, Debug)]
pub struct OwnRule {
    /// Commands, as their words with one blank between them.
    pub commands: Vec<GlobMatcher>,
    /// Files, from the project's folder on.
    pub paths: Vec<GlobMatcher>,
    /// What a turn is that runs one of these, or writes one of these.
    pub class: WorkClass,
}

impl Own {
    /// The class that a command has by the policy.
    pub(super) fn of_command(&self, command: &Simple<'_>) -> Option<WorkClass> {
        if self.rules.is_empty() {
            return None;
        }
        let text = command.words.join(" ");
        let names = |rule: &&OwnRule| rule.commands.iter().any(|pattern| pattern.is_match(&text));
        self.rules.iter().find(names).map(|rule| rule.class)
    }

    /// The class that a file has by the policy.
    pub(super) fn of_path(&self, path: &str) -> Option<WorkClass> {
        self.rules.iter().find(|rule| rule.paths.iter().any(|pattern| pattern.is_match(path))).map(|rule| rule.class)
    }
}
