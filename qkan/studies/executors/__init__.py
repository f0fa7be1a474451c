r"""Where independent tasks run: here, in a pool of processes, or on a Dask cluster.

The results are the same numbers everywhere, bit by bit on one kind of machine: a task travels as bytes also where it
runs in this process, and wherever it runs it has one thread (a sum's rounding depends on how many share it).

=====================  ============================================================================
``executor("serial")``  One task after the other, in this process.
``"processes"``         A pool of processes; ``workers=N``, by default one a core.
``"dask"``              A Dask cluster on this machine; ``workers=N``.
``"tcp://HOST:PORT"``   A Dask scheduler that is running; also ``tls://`` or its ``scheduler.json``.
=====================  ============================================================================

A cluster of batch jobs is a Dask scheduler, too: dask-jobqueue submits the workers, and its address is given to
``--scheduler``. On SLURM, from a session that stays open while the run lasts::

    from dask_jobqueue import SLURMCluster
    cluster = SLURMCluster(cores=8, processes=8, memory="32GB", walltime="08:00:00",
                           worker_extra_args=["--lifetime", "7h50m"])
    cluster.scale(jobs=20)
    print(cluster.scheduler_address)        # qkan sweep CONFIG.toml --scheduler tcp://...

and on HTCondor the same with ``HTCondorCluster(cores=1, memory="4GB", disk="4GB")``. ``processes`` equal to ``cores``
gives every worker one thread. The workers need the same Python and the same version of this package as the session.
"""

from __future__ import annotations

from qkan.studies.executors.base import Executor
from qkan.studies.executors.failures import Failure, TaskError
from qkan.studies.executors.names import executor
from qkan.studies.executors.serial import SerialExecutor

__all__ = ["Executor", "Failure", "SerialExecutor", "TaskError", "executor"]
