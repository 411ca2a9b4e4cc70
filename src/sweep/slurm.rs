//! Slurm: the script of a job array whose tasks are shards, and of the job that collects.

use std::path::Path;

/// What a script is made from.
#[derive(Clone, Debug)]
pub struct SlurmOptions<'a> {
    /// The job's name.
    pub name: &'a str,
    /// The program.
    pub program: &'a Path,
    /// The sweep's directory.
    pub directory: &'a Path,
    /// Shards.
    pub shards: usize,
    /// Cores a shard.
    pub cores: usize,
    /// Most time of a shard, in Slurm's notation.
    pub time: &'a str,
    /// Megabytes a shard.
    pub megabytes: u64,
    /// The partition, if it is not the default one.
    pub partition: Option<&'a str>,
    /// The table to collect into; a script of the array if absent.
    pub collect: Option<&'a Path>,
}

/// A word as the shell reads it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// The script. A shard gets SIGUSR1 two minutes before its time is over, ends with code 75, and goes back into the queue.
pub fn sbatch_script(options: &SlurmOptions<'_>) -> String {
    let (program, directory) = (quoted(options.program), quoted(options.directory));
    let mut script = format!("#!/bin/bash\n#SBATCH --job-name={}\n#SBATCH --chdir={}\n", options.name, options.directory.display());
    if let Some(partition) = options.partition {
        script += &format!("#SBATCH --partition={partition}\n");
    }
    if let Some(table) = options.collect {
        script += "#SBATCH --ntasks=1\n#SBATCH --cpus-per-task=1\n#SBATCH --time=01:00:00\n#SBATCH --output=slurm-collect-%j.log\n";
        script += &format!("exec {program} sweep collect {directory} --out {}\n", quoted(table));
        return script;
    }
    script += &format!(
        "#SBATCH --array=0-{}\n#SBATCH --ntasks=1\n#SBATCH --cpus-per-task={}\n#SBATCH --mem={}M\n#SBATCH --time={}\n",
        options.shards.saturating_sub(1),
        options.cores,
        options.megabytes,
        options.time
    );
    script += "#SBATCH --signal=B:USR1@120\n#SBATCH --requeue\n#SBATCH --open-mode=append\n#SBATCH --output=slurm-%A_%a.log\n";
    // The shell runs a trap only when `wait` returns, so the program runs beside it.
    script += &format!(
        "{program} sweep run {directory} &\nchild=$!\ntrap 'kill -USR1 \"$child\"' USR1 TERM\nwait \"$child\"\ncode=$?\n\
         while kill -0 \"$child\" 2>/dev/null; do\n    wait \"$child\"\n    code=$?\ndone\n\
         if [ \"$code\" -eq 75 ]; then\n    scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_${{SLURM_ARRAY_TASK_ID}}\"\nfi\nexit \"$code\"\n"
    );
    script
}
