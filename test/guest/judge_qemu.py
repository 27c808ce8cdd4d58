#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Run microguests that build/test/guest/privileged has dumped under QEMU's translator, and compare the
# outcomes:
#
#   mkdir d; QUAD_NOKVM=1 QUAD_CASES=300 QUAD_DUMP=d QUAD_SEED=1 build/test/guest/privileged
#   test/guest/judge_qemu.py d
#
# It needs qemu-system-x86_64, as and ld. What is known to be QEMU's own way is left out (see skip()).
import os, re, subprocess, sys, tempfile, time

NAMES = ['AX', 'CX', 'DX', 'BX', 'SP', 'BP', 'SI', 'DI']
here = os.path.dirname(os.path.abspath(__file__))


def stub(folder):
    obj, out = os.path.join(folder, 'stub.o'), os.path.join(folder, 'stub.bin')
    subprocess.check_call(['as', '--64', '-o', obj, os.path.join(here, 'judge_stub.S')])
    subprocess.check_call(['ld', '-m', 'elf_x86_64', '-Ttext', '0xf0000', '-e', '0', '--oformat',
                           'binary', '-o', out, obj])
    return out


class Monitor:
    def __init__(self, args):
        self.p = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL)
        self.read()

    def read(self):
        text = b''
        while not text.endswith(b'(qemu) '):
            c = os.read(self.p.stdout.fileno(), 65536)
            if not c:
                raise EOFError
            text += c
        return text.decode(errors='replace')

    def do(self, command):
        self.p.stdin.write(command.encode() + b'\n')
        self.p.stdin.flush()
        return self.read()


def run(bios, image, folder):
    mem = os.path.join(folder, 'out.mem')
    m = Monitor(['qemu-system-x86_64', '-accel', 'tcg', '-M', 'pc,vmport=off', '-cpu', 'EPYC,+umip',
                 '-m', '4', '-nodefaults', '-display', 'none', '-monitor', 'stdio', '-bios', bios,
                 '-action', 'reboot=shutdown,shutdown=pause',
                 '-device', 'loader,file=%s,addr=0,force-raw=on' % image])
    end = 'budget'
    for _ in range(200):
        time.sleep(0.005)
        status, regs = m.do('info status'), m.do('info registers')
        if 'shutdown' in status:
            end = 'shutdown'
            break
        if 'HLT=1' in regs:
            end = 'halt'
            break
    m.do('pmemsave 0 0x40000 "%s"' % mem)
    try:
        m.do('quit')
    except EOFError:
        pass
    m.p.wait()
    with open(mem, 'rb') as f:
        return end, regs, f.read()


def parse(regs):
    s = {}
    for i, n in enumerate(NAMES):
        s['r%d' % i] = int(re.search(r'\b[ER]%s=([0-9a-f]+)' % n, regs).group(1), 16)
    for i in range(8, 16):
        f = re.search(r'R%d ?=([0-9a-f]+)' % i, regs)
        s['r%d' % i] = int(f.group(1), 16) if f else 0
    s['r17'] = int(re.search(r'[ER]IP=([0-9a-f]+)', regs).group(1), 16)
    s['FL'] = int(re.search(r'[ER]FL=([0-9a-f]+)', regs).group(1), 16)
    for n in ['CR0', 'CR2', 'CR3', 'CR4', 'EFER', 'DR6', 'DR7']:
        s[n] = int(re.search(r'%s=([0-9a-f]+)' % n, regs).group(1), 16)
    for n in ['ES', 'CS', 'SS', 'DS', 'FS', 'GS', 'LDT', 'TR']:
        f = re.search(r'%s ?=([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+) ([0-9a-f]+)' % n, regs)
        v = [int(x, 16) for x in f.groups()]
        s[n] = [v[0], v[1], v[2], (v[3] >> 8 & 0xff) | (v[3] >> 12 & 0xf00)]
    return s


def ours(path):
    s = {}
    for line in open(path):
        k, _, v = line.strip().partition(' ')
        if k in ('seed', 'mode', 'end', 'code'):
            s[k] = v
        else:
            v = [int(x, 16) for x in v.split()]
            s[k] = v[0] if len(v) == 1 else v
    return s


# QEMU's own way, not the manual's: RF is not set in the image that a fault pushes; TR's hidden type
# is not marked busy; an IST makes SS null also without a change of privilege; the error code of a bad
# gate counts 16 bytes a gate in long mode; PAE's top level gets an accessed bit; VIF and VIP are not
# loaded; there are no segment limits and no alignment checks, ports and memory that are not there
# may read as 0; INT1 is #UD; a far return of CPL 3 may enter virtual-8086 mode.
def is_known(at, ours, mem):
    a, b = ours[at], mem[at]
    if a ^ b == 1 or at == 0xb000:
        return True
    even = at & ~1
    code, qemu = (int.from_bytes(m[even:even + 2], 'little') for m in (ours, mem))
    return at % 8 < 2 and code & 7 in (2, 3) and (code & ~7) * 2 == qemu & ~7


def same_seg(a, b):
    if a[0] != b[0] or (a[3] ^ b[3]) & 0x80:
        return False
    return not a[3] & 0x80 or (a[1:3] == b[1:3] and not (a[3] ^ b[3]) & 0x7ff)


def differences(a, b, wide):
    out = []
    for k in sorted(b):
        if k == 'r16':
            continue
        if isinstance(b[k], list):
            if k == 'TR':
                a[k][3] |= 2
                b[k][3] |= 2
            if k == 'SS' and b[k][0] == 0 and (a['CS'][0] & 3) == 0 and a['mode'][:4] in ('long', 'comp'):
                continue
            if not same_seg(a[k], b[k]):
                out.append('%s %s %s' % (k, [hex(x) for x in a[k]], [hex(x) for x in b[k]]))
        elif k == 'FL' and not (a[k] ^ b[k]) & ~0x190000:
            continue
        elif k == 'DR6' and not (a[k] ^ b[k]) & ~15:
            continue
        elif a[k] != b[k]:
            out.append('%s %x %x' % (k, a[k], b[k]))
    return out


def main():
    folder = sys.argv[1]
    tmp = tempfile.mkdtemp()
    bios = stub(tmp)
    cases = sorted(int(f[:-4]) for f in os.listdir(folder) if f.endswith('.img'))
    if len(sys.argv) > 2:
        cases = [int(x) for x in sys.argv[2:]]
    bad = 0
    for n in cases:
        base = os.path.join(folder, str(n))
        a = ours(base + '.txt')
        end, regs, mem = run(bios, base + '.img', tmp)
        diff = []
        if a['end'] != end:
            diff.append('end %s %s' % (a['end'], end))
            b = parse(regs)
            diff.append('rip %x %x' % (a['r17'], b['r17']))
        elif end == 'halt':
            b = parse(regs)
            diff = differences(a, b, True)
            ram = open(base + '.mem', 'rb').read(0x40000)
            if ram != mem:
                at = [i for i in range(0x40000) if ram[i] != mem[i] and
                      not is_known(i, ram, mem)]
                if at:
                    diff.append('memory ' + ' '.join('%x:%02x/%02x' % (i, ram[i], mem[i])
                                                     for i in at[:8]))
        elif end == 'budget':
            continue
        if diff:
            bad += 1
            print('%d seed %s %s code %s\n   (ours, QEMU) %s' %
                  (n, a['seed'], a['mode'], a['code'], '; '.join(diff)), flush=True)
    print('%d cases, %d differ' % (len(cases), bad))


main()
