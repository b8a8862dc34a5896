# SPDX-License-Identifier: MIT
tools += mkmanifest

mkmanifest_SRCS := tools/mkmanifest/cue.c tools/mkmanifest/embed.c tools/mkmanifest/encode.c \
                   tools/mkmanifest/file.c tools/mkmanifest/json.c tools/mkmanifest/main.c \
                   tools/mkmanifest/report.c
mkmanifest_LIBS := -ljansson
