#!/bin/bash
# Starts a SLURM cluster of one node, this machine, with its files in DIR: one_node.sh DIR
# Its settings go where every job looks for them, /etc/slurm/slurm.conf; a machine that has some is left alone.
# To stop it: kill $(cat DIR/slurmctld.pid DIR/slurmd.pid DIR/munge/pid); rm /etc/slurm/slurm.conf
set -eu
dir=$(realpath "$1"); mkdir -p "$dir"/{state,spool,munge}; chmod 700 "$dir/munge"
host=$(hostname -s)
cat > "$dir/slurm.conf" <<CONF
ClusterName=fairlib
SlurmctldHost=$host(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket=$dir/munge/socket
CredType=cred/munge
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool
SlurmUser=root
SlurmctldPidFile=$dir/slurmctld.pid
SlurmdPidFile=$dir/slurmd.pid
SlurmctldPort=16817
SlurmdPort=16818
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
SlurmctldTimeout=10
MinJobAge=3600
NodeName=$host NodeAddr=127.0.0.1 CPUs=$(nproc) RealMemory=$(free -m | awk '/Mem:/ {print int($2*0.9)}') State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
CONF
dd if=/dev/urandom of="$dir/munge/key" bs=1024 count=1 status=none; chmod 400 "$dir/munge/key"
munged --force --key-file="$dir/munge/key" --socket="$dir/munge/socket" --pid-file="$dir/munge/pid" --log-file="$dir/munge/log" --seed-file="$dir/munge/seed"
mkdir -p /etc/slurm
ln -s "$dir/slurm.conf" /etc/slurm/slurm.conf
slurmctld -L "$dir/slurmctld.log"
slurmd -L "$dir/slurmd.log"
for _ in $(seq 30); do sinfo -h -o %T 2>/dev/null | grep -q idle && break; sleep 1; done
sinfo
