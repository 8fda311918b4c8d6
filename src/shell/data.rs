//! Programs that take their arguments as data, and those of their options whose value is a command.
//!
//! This is a list of what is understood: a program that is not on it, and on no other, may run what its words name.

/// The options of a program whose values are commands; `None` if it is not known.
pub(super) fn options(name: &str) -> Option<&'static [&'static str]> {
    with_commands(name).or_else(|| TEXT.split_ascii_whitespace().any(|known| known == name).then_some(&[]))
}

fn with_commands(name: &str) -> Option<&'static [&'static str]> {
    Some(match name {
        "rg" => &["--pre", "--hostname-bin"],
        "sort" | "gsort" => &["--compress-program"],
        "split" | "gsplit" => &["--filter"],
        "tar" | "gtar" | "bsdtar" => &[
            "-I",
            "-F",
            "--use-compress-program",
            "--to-command",
            "--info-script",
            "--new-volume-script",
            "--rsh-command",
            "--rmt-command",
            "--checkpoint-action",
        ],
        "zip" => &["-TT", "--unzip-command"],
        "cpio" => &["--rsh-command"],
        "rsync" => &["-e", "--rsh", "--rsync-path"],
        "scp" | "sftp" => &["-S", "-o", "-D"],
        "wget" => &["--use-askpass", "--use-server-timestamps-command", "-e", "--execute"],
        "aria2c" => &["--on-download-complete", "--on-download-error", "--on-download-start", "--on-download-stop"],
        "man" => &["-P", "--pager", "-H", "--html", "--preprocessor"],
        "less" | "more" | "most" => &["-o"],
        "tcpdump" => &["-z"],
        "gcc" | "g++" | "cc" | "c++" | "clang" | "clang++" => &["-wrapper"],
        "go" => &["-exec", "-toolexec", "-vettool"],
        "cargo" => &["--config"],
        "rustc" | "rustdoc" => &["--test-runtool", "--runtool", "--test-builder-wrapper"],
        "npm" => &["-c", "--call", "--script-shell", "--node-options", "--viewer", "--editor"],
        "gh" => &["--pager", "--editor", "--browser"],
        "ansible" | "ansible-playbook" => &["-a", "--args", "--ssh-common-args", "--ssh-extra-args"],
        "pytest" | "py.test" => &["--pdbcls", "-p"],
        "apt" | "apt-get" | "aptitude" => &["-o", "--option"],
        "rpm" => &["--eval", "-E", "--pipe", "--define", "-D"],
        "pandoc" => &["-F", "--filter", "--pdf-engine"],
        "certbot" => &[
            "--pre-hook",
            "--post-hook",
            "--deploy-hook",
            "--renew-hook",
            "--manual-auth-hook",
            "--manual-cleanup-hook",
        ],
        "gpg" | "gpg2" => {
            &["--photo-viewer", "--agent-program", "--dirmngr-program", "--keyboxd-program", "--exec-path"]
        }
        "restic" => &["--password-command"],
        "nmap" => &["--script"],
        "openssl" => &["-engine", "-provider"],
        _ => return None,
    })
}

/// All their arguments are data.
const TEXT: &str = "
    : true false echo curl jq yq cd pwd pushd popd dirs set shift return exit break continue kill fg bg umask ulimit type shopt
    times disown suspend logout help caller history unalias which whereis whatis apropos info sleep usleep cat tac nl
    head tail ls dir vdir exa eza lsd tree stat file du df wc uniq cut tr paste join fold fmt pr rev expand unexpand
    seq shuf tsort factor od hexdump hd xxd strings base32 base64 basenc md5sum sha1sum sha224sum sha256sum sha384sum
    sha512sum b2sum b3sum cksum sum shasum md5 grep egrep fgrep zgrep ag ack ack-grep pt ugrep bat batcat basename
    dirname realpath readlink mktemp mkdir rmdir rm cp mv ln install touch chmod chown chgrp chattr lsattr truncate dd
    sync link unlink mkfifo mknod shred rename tee date cal ncal uptime who w users id groups whoami logname hostname
    hostnamectl uname arch nproc getconf getent locale localectl tty stty clear reset tput printenv free vmstat iostat
    mpstat sar ps pgrep pkill killall pidof pstree lsof fuser lsblk blkid findmnt mount umount lscpu lspci lsusb lsmod
    dmesg sysctl journalctl systemctl loginctl timedatectl ping ping6 traceroute tracepath dig host nslookup whois ip
    ifconfig ss netstat route arp http https xh gzip gunzip zcat bzip2 bunzip2 bzcat xz unxz xzcat zstd unzstd zstdcat
    lz4 zip unzip zipinfo 7z 7za rar unrar diff diff3 sdiff colordiff delta patch wdiff cmp comm look column iconv
    dos2unix unix2dos numfmt expr bc getopt xmllint xsltproc htmlq pup tidy csvcut csvgrep csvlook csvstat csvjson
    csvsql mlr dasel gron fx jo tomlq taplo jsonlint yamllint hadolint shellcheck shfmt actionlint codespell typos
    vale markdownlint markdownlint-cli2 mdl redocly spectral brew port apk dnf yum zypper pacman yay snap flatpak dpkg
    dpkg-query apt-cache apt-mark apt-key add-apt-repository update-alternatives pip pip2 pip3 poetry uv pdm hatch rye
    pipenv conda mamba micromamba virtualenv venv npm nuget go gofmt goimports golangci-lint staticcheck cargo rustup rustc rustfmt
    clippy-driver cargo-clippy cargo-fmt cargo-nextest xcodebuild javac java jar javadoc scalac clojure cmake ctest
    ninja meson autoconf automake autoreconf libtoolize aclocal gcc g++ cc c++ clang clang++ ld gold lld as ar ranlib
    nm objdump objcopy readelf strip size addr2line ldd c++filt pkg-config clang-format clang-tidy cppcheck protoc buf
    flatc thrift swig pytest py.test coverage unittest black ruff isort flake8 pylint pyright basedpyright mypy bandit
    pyflakes pycodestyle pydocstyle autopep8 yapf mkdocs twine build json.tool http.server compileall py_compile
    zipapp cogapp diff-cover tabnanny ensurepip site sysconfig platform pyclean pip-audit safety flask gunicorn uvicorn alembic tsc
    eslint prettier jest vitest mocha ava tap karma cypress playwright webpack vite rollup esbuild swc parcel babel
    next nuxt astro svelte-kit ng vue remix gatsby stylelint biome oxlint knip depcheck madge typedoc tsup tsd prisma
    drizzle-kit knex sequelize typeorm serve http-server json-server lighthouse npm-check-updates ncu rimraf mkdirp
    cpy changeset semantic-release rspec rubocop standardrb brakeman sidekiq puma phpunit phpstan psalm pint
    php-cs-fixer pest ktlint detekt checkstyle spotbugs docker podman nerdctl docker-compose buildah skopeo kind
    minikube k3d kubectl oc kustomize kubectx kubens stern k9s istioctl flux terraform tofu terragrunt tflint tfsec
    terraform-docs checkov trivy grype syft cosign packer pulumi aws gcloud gsutil bq az doctl linode-cli vercel
    netlify wrangler firebase cdk eksctl gh glab hub jira linear redis-cli mongosh mongodump mongorestore pg_dump
    pg_dumpall pg_restore pg_isready pg_prove createdb dropdb createuser initdb mysqldump mysqladmin mysqlimport
    sqlfluff dbmate flyway liquibase goose atlas clickhouse-client influx cqlsh convert magick identify mogrify ffmpeg
    ffprobe sox pngcrush optipng jpegoptim cwebp svgo inkscape rsvg-convert pandoc pdftotext pdfinfo pdftoppm qpdf
    tesseract wkhtmltopdf bibtex typst asciidoctor dot plantuml ssh-keygen ssh-keyscan ssh-add ssh-copy-id gpg gpg2
    age pass openssl certtool mkcert htpasswd tokei cloc scc loc onefetch jc peco gum lolcat cowsay figlet banner yes
    open xdg-open pbcopy pbpaste xclip xsel wl-copy wl-paste notify-send subl apply_patch applypatch tree-sitter
    gitleaks trufflehog git-lfs qemu-img losetup mkfs fsck e2fsck resize2fs parted fdisk swapon swapoff useradd
    usermod userdel groupadd passwd chpasswd ufw firewall-cmd getfacl setfacl namei pathchk test-path md5deep rhash
    fdupes jdupes s3cmd mkisofs logger last lastlog mesg runlevel shutdown reboot halt poweroff
";
