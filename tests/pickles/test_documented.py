"""Programs of the standard library's documentation, as they are and with their import changed."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from support.documented import IMPORT, MATHS
from support.programs import Program
from support.threads import until

OURS = "from kinfolk.managers import Manager as BaseManager"

CUSTOMIZED = f"""
from multiprocessing import freeze_support
{IMPORT}
from multiprocessing.managers import BaseProxy
import operator

class Foo:
    def f(self):
        print('you called Foo.f()')
    def g(self):
        print('you called Foo.g()')
    def _h(self):
        print('you called Foo._h()')

# A simple generator function
def baz():
    for i in range(10):
        yield i*i

# Proxy type for generator objects
class GeneratorProxy(BaseProxy):
    _exposed_ = ['__next__']
    def __iter__(self):
        return self
    def __next__(self):
        return self._callmethod('__next__')

# Function to return the operator module
def get_operator_module():
    return operator

class MyManager(BaseManager):
    pass

# register the Foo class; make `f()` and `g()` accessible via proxy
MyManager.register('Foo1', Foo)

# register the Foo class; make `g()` and `_h()` accessible via proxy
MyManager.register('Foo2', Foo, exposed=('g', '_h'))

# register the generator function baz; use `GeneratorProxy` to make proxies
MyManager.register('baz', baz, proxytype=GeneratorProxy)

# register get_operator_module(); make public functions accessible via proxy
MyManager.register('operator', get_operator_module)

def test():
    manager = MyManager()
    manager.start()

    print('-' * 20)

    f1 = manager.Foo1()
    f1.f()
    f1.g()
    assert not hasattr(f1, '_h')
    assert sorted(f1._exposed_) == sorted(['f', 'g'])

    print('-' * 20)

    f2 = manager.Foo2()
    f2.g()
    f2._h()
    assert not hasattr(f2, 'f')
    assert sorted(f2._exposed_) == sorted(['g', '_h'])

    print('-' * 20)

    it = manager.baz()
    for i in it:
        print('<%d>' % i, end=' ')
    print()

    print('-' * 20)

    op = manager.operator()
    print('op.add(23, 45) =', op.add(23, 45))
    print('op.pow(2, 94) =', op.pow(2, 94))
    print('op._exposed_ =', op._exposed_)

if __name__ == '__main__':
    freeze_support()
    test()
"""

QUEUE_SERVER = f"""
{IMPORT}
from queue import Queue
queue = Queue()
class QueueManager(BaseManager): pass
QueueManager.register('get_queue', callable=lambda:queue)
m = QueueManager(address=('', 50000), authkey=b'abracadabra')
s = m.get_server()
s.serve_forever()
"""

WORKER_SERVER = f"""
from multiprocessing import Process, Queue
{IMPORT}
class Worker(Process):
    def __init__(self, q):
        self.q = q
        super().__init__()
    def run(self):
        self.q.put('local hello')

queue = Queue()
w = Worker(queue)
w.start()
class QueueManager(BaseManager): pass

QueueManager.register('get_queue', callable=lambda: queue)
m = QueueManager(address=('', 50000), authkey=b'abracadabra')
s = m.get_server()
s.serve_forever()
"""

PUTTING = f"""
{IMPORT}
class QueueManager(BaseManager): pass
QueueManager.register('get_queue')
m = QueueManager(address=('foo.bar.org', 50000), authkey=b'abracadabra')
m.connect()
queue = m.get_queue()
queue.put('hello')
"""

GETTING = f"""
{IMPORT}
class QueueManager(BaseManager): pass
QueueManager.register('get_queue')
m = QueueManager(address=('foo.bar.org', 50000), authkey=b'abracadabra')
m.connect()
queue = m.get_queue()
print(queue.get())
"""


@pytest.fixture
def port() -> int:
    """Return a port that nobody uses."""
    with socket.socket() as sock:
        sock.bind(("", 0))
        found: int = sock.getsockname()[1]
        return found


def run(folder: Path, code: str, module: str) -> list[str]:
    """Run a program that imports its base manager in this way."""
    path = folder / "program.py"
    path.write_text(code.replace(IMPORT, module))
    with Program(str(path)) as program:
        assert program.wait() == 0, program.errors
        return program.rest()


@pytest.mark.parametrize("code", [MATHS, CUSTOMIZED], ids=["maths", "customized"])
def test_customized_managers(folder: Path, code: str) -> None:
    """Both print the same, from the server and from the client."""
    theirs, ours = run(folder, code, IMPORT), run(folder, code, OURS)
    assert ours == theirs
    assert len(ours) > 1


@pytest.mark.parametrize("getting", [IMPORT, OURS], ids=["getting by theirs", "getting by ours"])
@pytest.mark.parametrize("putting", [IMPORT, OURS], ids=["putting by theirs", "putting by ours"])
@pytest.mark.parametrize("serving", [IMPORT, OURS], ids=["serving by theirs", "serving by ours"])
def test_a_remote_queue(folder: Path, port: int, serving: str, putting: str, getting: str) -> None:
    """Three programs, each with the standard library's manager or with ours."""

    def at_port(code: str) -> str:
        return code.replace("50000", str(port)).replace("foo.bar.org", "127.0.0.1")

    code = at_port(QUEUE_SERVER).replace(IMPORT, serving)
    with Program("-c", code):
        wait_for(port)
        assert run(folder, at_port(PUTTING), putting) == []
        assert run(folder, at_port(GETTING), getting) == ["hello"]


def test_a_remote_queue_of_a_worker(folder: Path, port: int) -> None:
    """What a process of the server's own has put reaches a client."""
    code = WORKER_SERVER.replace("50000", str(port)).replace(IMPORT, OURS)
    client = GETTING.replace("50000", str(port)).replace("foo.bar.org", "127.0.0.1")
    with Program("-c", code):
        wait_for(port)
        assert run(folder, client, OURS) == ["local hello"]


def wait_for(port: int) -> None:
    """Wait until somebody listens there."""
    until(lambda: listens(port))


def listens(port: int) -> bool:
    """Return whether somebody listens there."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0
