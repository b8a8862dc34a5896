# SPDX-License-Identifier: MIT
tools += interface-pages

interface-pages_SRCS := tools/interface-pages/main.c tools/interface-pages/page.c
